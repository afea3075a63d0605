/**
 * Runners claim stories. API keys are served by stride scheduling (Waldspurger and Weihl, 1995): of the keys that
 * have stories ready and room to run them, the one with the lowest pass goes first, and being served moves it on by
 * 1 / weight. Triggers of `stories` count what is ready and running, and move the passes (`0008_fair_queue.sql`).
 */
import { and, eq, gt, sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import { PROTOCOL } from '../../../contract/protocol.ts'
import type { Db } from '../client.ts'
import { runners } from '../schema/runners.ts'
import { frames, stories } from '../schema/stories.ts'
import { dueQuery, sweep } from './sweep.ts'

/** A view: a row that is inserted claims a story, and is kept nowhere. Not part of the schema that migrations are made from. */
const claims = sqliteTable('claims', {
  leaseToken: text('lease_token').notNull(),
  model: text('model').notNull(),
  runner: text('runner').notNull(),
  protocol: integer('protocol').notNull(),
  now: integer('now').notNull(),
  leaseMs: integer('lease_ms').notNull(),
})

/** What a runner gets to know of a story, and no more, since many are read at once. */
const claimedColumns = {
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

export type ClaimedStory = Awaited<ReturnType<typeof claimReady>>['claimed'][number]

export interface ClaimOptions {
  model: string
  runner: string
  /** The version of `contract/runner.ts` that it speaks; it gets no story that needs a later one. Default: the latest. */
  protocol?: number
  /** One story is claimed under each of these, as far as there are any. */
  leaseTokens: string[]
  leaseMs: number
}

/** `claimReady`, and a sweep of what stands in its way. `swept` names the other stories that changed. */
export async function claim(
  db: Db,
  options: ClaimOptions,
  now: number,
): Promise<{ claimed: ClaimedStory[]; swept: string[]; setAsideUntil: number | null }> {
  const swept: string[] = []
  for (;;) {
    const { claimed, due, setAsideUntil } = await claimReady(db, options, now)
    const changed = await sweep(db, due, now)
    swept.push(...changed)
    if (claimed.length > 0 || changed.length === 0) return { claimed, swept, setAsideUntil }
  }
}

/**
 * Claim up to `leaseTokens.length` ready stories of `model` until `now + leaseMs`. Answers them in the order they were
 * picked, and the ids of those that have to be swept before they can be claimed or given up: see `sweep`.
 *
 * Each row put into `claims` claims one story (the trigger `claims_claim`), because each pick has to see what the last one did to
 * the passes and the caps; together they are one statement. A pick is a few index searches, however long the queue is.
 * The search for a key passes over keys at their cap, of which there are at most as many as stories that run, and looks at
 * the first 50 stories of a key for one that this runner may have.
 *
 * A runner that is set aside claims nothing; `setAsideUntil` says so (`db/runners/blame.ts`).
 */
export async function claimReady(
  db: Db,
  { model, runner, protocol = PROTOCOL, leaseTokens, leaseMs }: ClaimOptions,
  now: number,
) {
  const tokens = sql`json_each(${JSON.stringify(leaseTokens)}) AS token`
  const setAside = and(eq(runners.name, runner), gt(runners.setAsideUntil, now))
  const mayClaim = sql`NOT EXISTS (SELECT 1 FROM ${runners} WHERE ${setAside})`
  const row = sql`value, ${model}, ${runner}, ${protocol}, ${now}, ${leaseMs}`
  const [due, , claimed, [aside]] = await db.batch([
    dueQuery(db, now),
    db.insert(claims).select(sql`SELECT ${row} FROM ${tokens} WHERE ${mayClaim}`),
    db.select(claimedColumns).from(tokens).innerJoin(stories, sql`${stories.leaseToken} = token.value`),
    db.select({ until: runners.setAsideUntil }).from(runners).where(setAside),
  ])
  const byToken = new Map(claimed.map((story) => [story.leaseToken, story]))
  return {
    claimed: leaseTokens.flatMap((token) => byToken.get(token) ?? []),
    due: due.map(({ id }) => id),
    setAsideUntil: aside?.until ?? null,
  }
}
