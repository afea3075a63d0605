/** How much there is to do, and for how long it has been waiting. What grows with the queue is not counted but kept count of. */
import { and, count, gt, isNotNull, min, sql, sum } from 'drizzle-orm'
import type { Db } from './client.ts'
import { PRIORITIES } from './queue-fields.ts'
import { apiKeys, deliveries, queueShares, stories } from './schema.ts'

/** `oldest` is the time (ms) since which the first has been ready; null when none is. */
export async function queueDepth(db: Db, now: number) {
  // Literals, as in claims.ts: the planner must see that the query fits the partial index.
  const queued = sql`${stories.status} = 'queued'`
  // The first of each key and priority, where the index has it: there may be a million others.
  const first = sql`(SELECT min(claimable_at) FROM stories WHERE status = 'queued' AND ready = 1
    AND model = shares.model AND api_key_id = shares.api_key_id AND priority = priorities.value)`
  const oldest = sql<number | null>`(SELECT min(${first}) FROM queue_shares shares,
    json_each(${JSON.stringify(Object.values(PRIORITIES))}) priorities WHERE shares.ready > 0)`
  const [[ready], [delayed], [leased], [webhooks]] = await db.batch([
    db.select({ count: sum(queueShares.ready).mapWith(Number), oldest: oldest.as('oldest') }).from(queueShares),
    db
      .select({ count: count() })
      .from(stories)
      .where(and(queued, sql`${stories.ready} = 0`, gt(stories.claimableAt, now))),
    db.select({ count: sum(apiKeys.running).mapWith(Number) }).from(apiKeys),
    db
      .select({ count: count(), oldest: min(deliveries.createdAt) })
      .from(deliveries)
      .where(isNotNull(deliveries.nextAttemptAt)),
  ])
  return {
    /** Queued and due. */
    ready: { count: ready?.count ?? 0, oldest: ready?.oldest ?? null },
    /** Queued again, after a pause. */
    delayed: delayed?.count ?? 0,
    running: leased?.count ?? 0,
    webhooks: { count: webhooks?.count ?? 0, oldest: webhooks?.oldest ?? null },
  }
}
