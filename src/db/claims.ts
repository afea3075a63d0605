/**
 * Lending stories to runners. API keys are served by stride scheduling (Waldspurger and Weihl, 1995): of the keys that
 * have stories ready and room to run them, the one with the lowest pass goes first, and being served moves it on by
 * 1 / weight. Triggers of `stories` count what is ready and running, and move the passes (`0008_fair_queue.sql`).
 */
import { and, asc, eq, lt, lte, or, type SQL, sql } from 'drizzle-orm'
import { union } from 'drizzle-orm/sqlite-core'
import type { Db } from './client.ts'
import { apiKeys, queueShares, type StoryRow, stories } from './schema.ts'
import { sweep } from './sweep.ts'

/** Stories whose time has come that one sweep takes on. */
export const SWEEP_LIMIT = 100

// Literals, not parameters: the planner takes a partial index only when it can see that the query fits it.
const isReady = sql`${stories.status} = 'queued' AND ${stories.ready} = 1`

export interface ClaimOptions {
  model: string
  runner: string
  /** One story is lent under each of these, as far as there are any. */
  leaseTokens: string[]
  leaseMs: number
}

/** `claim`, after what stands in its way has been swept. Answers the ids of all stories that changed beside those lent. */
export async function lend(db: Db, options: ClaimOptions, now: number): Promise<{ lent: StoryRow[]; swept: string[] }> {
  const swept: string[] = []
  for (;;) {
    const { lent, due } = await claim(db, options, now)
    const changed = await sweep(db, due, now)
    swept.push(...changed)
    if (lent.length > 0 || changed.length === 0) return { lent, swept }
  }
}

/**
 * Lend up to `leaseTokens.length` ready stories of `model` until `now + leaseMs`. Answers them in the order they were
 * picked, and the ids of those that have to be swept before they can be lent or are given up: see `sweep`.
 *
 * One statement for each story, because each pick has to see what the last one did to the passes and the caps; one
 * batch, and so one transaction, for all. Each is a few index searches, however long the queue is. The search for a key
 * passes over keys at their cap, of which there are at most as many as stories that run.
 */
export async function claim(
  db: Db,
  { model, runner, leaseTokens, leaseMs }: ClaimOptions,
  now: number,
): Promise<{ lent: StoryRow[]; due: string[] }> {
  const key = db
    .select({ id: queueShares.apiKeyId })
    .from(queueShares)
    .innerJoin(apiKeys, eq(apiKeys.id, queueShares.apiKeyId))
    .where(and(eq(queueShares.model, model), sql`${queueShares.ready} > 0`, lt(apiKeys.running, apiKeys.maxRunning)))
    .orderBy(asc(queueShares.pass))
    .limit(1)
  const first = db
    .select({ id: stories.id })
    .from(stories)
    .where(and(isReady, eq(stories.model, model), sql`${stories.apiKeyId} = (${key})`, notLate(now)))
    .orderBy(asc(stories.priority), asc(stories.claimableAt))
    .limit(1)
  const picks = leaseTokens.map((leaseToken) =>
    db
      .update(stories)
      .set({
        status: 'running',
        ready: false,
        leaseToken,
        runner,
        claimedAt: now,
        attemptStartedAt: null,
        runBy: sql`min(${now} + ${stories.runWithinMs}, coalesce(${stories.finishBy}, 9e15))`,
        claimableAt: sql`min(${now + leaseMs}, ${now} + ${stories.runWithinMs}, coalesce(${stories.finishBy}, 9e15))`,
        eventSequence: 0,
        progress: null,
        version: sql`${stories.version} + 1`,
      })
      .where(sql`${stories.id} = (${first})`)
      .returning(),
  )
  const [due, ...lent] = await db.batch([dueQuery(db, now), ...picks])
  return { lent: lent.flat(), due: due.map(({ id }) => id) }
}

/** The ids of stories whose time has come: a pause is over, a lease or a deadline has passed. At most `SWEEP_LIMIT`. */
export async function dueStories(db: Db, now: number): Promise<string[]> {
  return (await dueQuery(db, now)).map(({ id }) => id)
}

function dueQuery(db: Db, now: number) {
  const at = (where: SQL | undefined) => db.select({ id: stories.id }).from(stories).where(where)
  const waiting = sql`${stories.ready} = 0`
  return union(
    at(and(waiting, lte(stories.claimableAt, now))),
    at(and(sql`${stories.status} = 'queued'`, lte(stories.startBy, now))),
  ).limit(SWEEP_LIMIT)
}

/** A story that is too late to be started is not lent, even if no sweep has ended it yet. */
const notLate = (now: number) => or(sql`${stories.startBy} IS NULL`, sql`${stories.startBy} > ${now}`)
