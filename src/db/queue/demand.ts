/** What waits and who is there, by model, at a cost that does not grow with the queue. */
import { and, gt, isNull, or, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { PRESENT_MS } from '../runners/list.ts'
import { queueShares } from '../schema/queue.ts'
import { runners } from '../schema/runners.ts'
import { stories } from '../schema/stories.ts'
import { PRIORITIES } from './fields.ts'

/** Stories whose times are averaged. */
const LAST = 20

export interface ModelLoad {
  model: string
  queued: number
  running: number
  runners: number
  /** Means of the last stories, in seconds; null when there were none. */
  secondsPerStory: number | null
  secondsPerFrame: number | null
}

/** `oldest` is the time (ms) since which the first story has been ready; null when none is. */
export async function queueLoad(db: Db, now: number): Promise<{ models: ModelLoad[]; oldest: number | null }> {
  const first = sql`(SELECT min(claimable_at) FROM stories WHERE status = 'queued' AND ready = 1
    AND model = shares.model AND api_key_id = shares.api_key_id AND priority = priorities.value)`
  const [ready, running, present, [earliest]] = await db.batch([
    db
      .select({ model: queueShares.model, count: sql<number>`sum(${queueShares.ready})` })
      .from(queueShares)
      .where(sql`${queueShares.ready} > 0`)
      .groupBy(queueShares.model),
    db
      .select({ model: stories.model, count: sql<number>`count(*)` })
      .from(stories)
      .where(sql`ready = 0 AND claimable_at IS NOT NULL AND status = 'running'`)
      .groupBy(stories.model),
    db
      .select({ model: runners.model, count: sql<number>`count(*)` })
      .from(runners)
      .where(
        and(
          isNull(runners.goneAt),
          gt(runners.seenAt, now - PRESENT_MS),
          or(isNull(runners.setAsideUntil), sql`${runners.setAsideUntil} <= ${now}`),
        ),
      )
      .groupBy(runners.model),
    db
      .select({
        at: sql<number | null>`(SELECT min(${first}) FROM queue_shares shares,
          json_each(${JSON.stringify(Object.values(PRIORITIES))}) priorities WHERE shares.ready > 0)`.as('at'),
      })
      .from(sql`(SELECT 1)`),
  ])
  const names = [...new Set([...ready, ...running, ...present].map(({ model }) => model))].sort()
  const times = await pastTimes(db, names)
  const of = (rows: { model: string; count: number }[], name: string) =>
    rows.find(({ model }) => model === name)?.count ?? 0
  const models = names.map((model) => ({
    model,
    queued: of(ready, model),
    running: of(running, model),
    runners: of(present, model),
    secondsPerStory: times.get(model)?.story ?? null,
    secondsPerFrame: times.get(model)?.frame ?? null,
  }))
  return { models, oldest: earliest?.at ?? null }
}

async function pastTimes(db: Db, models: string[]) {
  // The index `stories_history` holds all that is read.
  const last = sql`SELECT (completed_at - started_at) / 1000.0 AS seconds, frame_count FROM stories
    WHERE status = 'succeeded' AND attempt = 1 AND model = named.value ORDER BY completed_at DESC LIMIT ${LAST}`
  const rows = await db.all<{ model: string; story: number | null; frame: number | null }>(
    sql`SELECT value AS model, (SELECT avg(seconds) FROM (${last})) AS story,
      (SELECT sum(seconds) / sum(frame_count) FROM (${last})) AS frame
      FROM json_each(${JSON.stringify(models)}) AS named`,
  )
  return new Map(rows.map((row) => [row.model, row]))
}
