/**
 * Runners claim stories. API keys are served by stride scheduling (Waldspurger and Weihl, 1995): of the keys that
 * have stories ready and room to run them, the one with the lowest pass goes first, and being served moves it on by
 * 1 / weight. Triggers of `stories` count what is ready and running, and move the passes (`0008_fair_queue.sql`).
 */
import { sql } from 'drizzle-orm'
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { Db } from '../client.ts'
import { frames, stories } from '../schema/stories.ts'
import { dueQuery, sweep } from './sweep.ts'

/** A view: a row that is inserted claims a story, and is kept nowhere. Not part of the schema that migrations are made from. */
const claims = sqliteTable('claims', {
  leaseToken: text('lease_token').notNull(),
  model: text('model').notNull(),
  runner: text('runner').notNull(),
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
  /** One story is claimed under each of these, as far as there are any. */
  leaseTokens: string[]
  leaseMs: number
}

/** `claimReady`, and a sweep of what stands in its way. `swept` names the other stories that changed. */
export async function claim(
  db: Db,
  options: ClaimOptions,
  now: number,
): Promise<{ claimed: ClaimedStory[]; swept: string[] }> {
  const swept: string[] = []
  for (;;) {
    const { claimed, due } = await claimReady(db, options, now)
    const changed = await sweep(db, due, now)
    swept.push(...changed)
    if (claimed.length > 0 || changed.length === 0) return { claimed, swept }
  }
}

/**
 * Claim up to `leaseTokens.length` ready stories of `model` until `now + leaseMs`. Answers them in the order they were
 * picked, and the ids of those that have to be swept before they can be claimed or given up: see `sweep`.
 *
 * Each row put into `claims` claims one story (`0010_claims.sql`), because each pick has to see what the last one did to
 * the passes and the caps; together they are one statement. A pick is a few index searches, however long the queue is.
 * The search for a key passes over keys at their cap, of which there are at most as many as stories that run.
 */
export async function claimReady(db: Db, { model, runner, leaseTokens, leaseMs }: ClaimOptions, now: number) {
  const tokens = sql`json_each(${JSON.stringify(leaseTokens)}) AS token`
  const [due, , claimed] = await db.batch([
    dueQuery(db, now),
    db.insert(claims).select(sql`SELECT value, ${model}, ${runner}, ${now}, ${leaseMs} FROM ${tokens}`),
    db.select(claimedColumns).from(tokens).innerJoin(stories, sql`${stories.leaseToken} = token.value`),
  ])
  const byToken = new Map(claimed.map((story) => [story.leaseToken, story]))
  return { claimed: leaseTokens.flatMap((token) => byToken.get(token) ?? []), due: due.map(({ id }) => id) }
}
