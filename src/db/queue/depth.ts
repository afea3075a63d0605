/**
 * How much there is to do, and for how long it has been waiting, at a cost that does not grow with it: triggers of
 * `stories` keep count of what is queued, ready and running, by API key; the first of anything is where its index begins.
 */
import { count, isNotNull, min, sql, sum } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { apiKeys } from '../schema/keys.ts'
import { queueShares } from '../schema/queue.ts'
import { deliveries } from '../schema/webhooks.ts'
import { PRIORITIES } from './fields.ts'

/** Webhooks that are pending are counted up to here. */
const MANY = 10_000

/** `oldest` is the time (ms) since which the first has been ready or pending; null when none is. */
export async function queueDepth(db: Db, many = MANY) {
  // The first of each key and priority, where the index has it: there may be a million others.
  const first = sql`(SELECT min(claimable_at) FROM stories WHERE status = 'queued' AND ready = 1
    AND model = shares.model AND api_key_id = shares.api_key_id AND priority = priorities.value)`
  const oldest = sql<number | null>`(SELECT min(${first}) FROM queue_shares shares,
    json_each(${JSON.stringify(Object.values(PRIORITIES))}) priorities WHERE shares.ready > 0)`
  const total = (column: typeof apiKeys.queued | typeof apiKeys.running | typeof queueShares.ready) =>
    sql<number>`coalesce(${sum(column)}, 0)`
  const pending = isNotNull(deliveries.nextAttemptAt)
  const some = db.select({ at: deliveries.createdAt }).from(deliveries).where(pending).limit(many).as('some')
  const [[ready], [keys], [webhooks], [earliest]] = await db.batch([
    db.select({ count: total(queueShares.ready), oldest: oldest.as('oldest') }).from(queueShares),
    db.select({ queued: total(apiKeys.queued), running: total(apiKeys.running) }).from(apiKeys),
    db.select({ count: count() }).from(some),
    db
      .select({ oldest: min(deliveries.createdAt) })
      .from(deliveries)
      .where(pending),
  ])
  return {
    /** Queued and due. */
    ready: { count: ready?.count ?? 0, oldest: ready?.oldest ?? null },
    /** Queued again, after a pause. */
    delayed: (keys?.queued ?? 0) - (ready?.count ?? 0),
    running: keys?.running ?? 0,
    /** At most `many` are counted. */
    webhooks: { count: webhooks?.count ?? 0, oldest: earliest?.oldest ?? null },
  }
}
