/**
 * Lending stories to runners. API keys are served by stride scheduling (Waldspurger and Weihl, 1995): of the keys that
 * have stories ready and room to run them, the one with the lowest pass goes first, and being served moves it on by
 * 1 / weight. Triggers of `stories` count what is ready and running, and move the passes (`0008_fair_queue.sql`).
 */
import { and, lte, type SQL, sql } from 'drizzle-orm'
import { integer, sqliteTable, text, union } from 'drizzle-orm/sqlite-core'
import type { Db } from '../client.ts'
import { frames, stories } from '../schema/stories.ts'
import { sweep } from './sweep.ts'

/** Stories whose time has come that one sweep takes on. */
const SWEEP_LIMIT = 100

/** A view: what is inserted lends a story, and is kept nowhere. Not in the schema, of which the migrations are made. */
const claims = sqliteTable('claims', {
  leaseToken: text('lease_token').notNull(),
  model: text('model').notNull(),
  runner: text('runner').notNull(),
  now: integer('now').notNull(),
  leaseMs: integer('lease_ms').notNull(),
})

/** What a runner gets to know of a story, and no more, since many are read at once. */
const lentColumns = {
  id: stories.id,
  apiKeyId: stories.apiKeyId,
  request: stories.request,
  seed: stories.seed,
  model: stories.model,
  attempt: stories.attempt,
  leaseToken: stories.leaseToken,
  claimableAt: stories.claimableAt,
  traceparent: stories.traceparent,
  /** Indices of the frames that earlier attempts have finished. */
  finished: sql`(SELECT json_group_array(${frames.index} ORDER BY ${frames.index}) FROM ${frames}
    WHERE ${frames.storyId} = ${stories.id})`.mapWith((list: string): number[] => JSON.parse(list)),
}

export type LentStory = Awaited<ReturnType<typeof claim>>['lent'][number]

export interface ClaimOptions {
  model: string
  runner: string
  /** One story is lent under each of these, as far as there are any. */
  leaseTokens: string[]
  leaseMs: number
}

/** `claim`, after what stands in its way has been swept. Answers the ids of all stories that changed beside those lent. */
export async function lend(
  db: Db,
  options: ClaimOptions,
  now: number,
): Promise<{ lent: LentStory[]; swept: string[] }> {
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
 * Each row put into `claims` lends one story (`0010_claims.sql`), because each pick has to see what the last one did to
 * the passes and the caps; together they are one statement. A pick is a few index searches, however long the queue is.
 * The search for a key passes over keys at their cap, of which there are at most as many as stories that run.
 */
export async function claim(db: Db, { model, runner, leaseTokens, leaseMs }: ClaimOptions, now: number) {
  const tokens = sql`json_each(${JSON.stringify(leaseTokens)}) AS token`
  const [due, , lent] = await db.batch([
    dueQuery(db, now),
    db.insert(claims).select(sql`SELECT value, ${model}, ${runner}, ${now}, ${leaseMs} FROM ${tokens}`),
    db.select(lentColumns).from(tokens).innerJoin(stories, sql`${stories.leaseToken} = token.value`),
  ])
  const byToken = new Map(lent.map((story) => [story.leaseToken, story]))
  return { lent: leaseTokens.flatMap((token) => byToken.get(token) ?? []), due: due.map(({ id }) => id) }
}

/** The ids of stories whose time has come: a pause is over, a lease or a deadline has passed. At most `SWEEP_LIMIT`. */
export async function dueStories(db: Db, now: number): Promise<string[]> {
  return (await dueQuery(db, now)).map(({ id }) => id)
}

function dueQuery(db: Db, now: number) {
  const at = (where: SQL | undefined) => db.select({ id: stories.id }).from(stories).where(where)
  // Literals, not parameters: the planner takes a partial index only when it can see that the query fits it.
  const waiting = sql`${stories.ready} = 0`
  return union(
    at(and(waiting, lte(stories.claimableAt, now))),
    at(and(sql`${stories.status} = 'queued'`, lte(stories.startBy, now))),
  ).limit(SWEEP_LIMIT)
}
