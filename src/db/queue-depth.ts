/** How much there is to do, and for how long it has been waiting. Counts index entries only, no rows. */
import { and, count, gt, isNotNull, min, sql, sum } from 'drizzle-orm'
import type { Db } from './client.ts'
import { apiKeys, deliveries, stories } from './schema.ts'

/** `oldest` is the time (ms) since which the first has been ready; null when none is. */
export async function queueDepth(db: Db, now: number) {
  // A literal, as in claims.ts: the planner must see that the query fits the partial index.
  const queued = sql`${stories.status} = 'queued'`
  const [[ready], [delayed], [leased], [webhooks]] = await db.batch([
    db
      .select({ count: count(), oldest: min(stories.claimableAt) })
      .from(stories)
      .where(and(queued, sql`${stories.ready} = 1`)),
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
