/** How much there is to do, and for how long it has been waiting. Counts index entries only, no rows. */
import { and, count, gt, isNotNull, lte, min, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { deliveries, stories } from './schema.ts'

/** `oldest` is the time (ms) since which the first has been ready; null when none is. */
export async function queueDepth(db: Db, now: number) {
  // A literal, as in leases.ts: the planner must see that the query fits the partial index.
  const running = sql`${stories.status} = 'running'`
  const [[ready], [delayed], [leased], [webhooks]] = await db.batch([
    db
      .select({ count: count(), oldest: min(stories.claimableAt) })
      .from(stories)
      .where(lte(stories.claimableAt, now)),
    db
      .select({ count: count() })
      .from(stories)
      .where(and(gt(stories.claimableAt, now), sql`${stories.status} = 'queued'`)),
    db.select({ count: count() }).from(stories).where(running),
    db
      .select({ count: count(), oldest: min(deliveries.createdAt) })
      .from(deliveries)
      .where(isNotNull(deliveries.nextAttemptAt)),
  ])
  return {
    /** Queued and due, or running with a lease that is over. */
    ready: { count: ready?.count ?? 0, oldest: ready?.oldest ?? null },
    /** Queued again, after a pause. */
    delayed: delayed?.count ?? 0,
    running: leased?.count ?? 0,
    webhooks: { count: webhooks?.count ?? 0, oldest: webhooks?.oldest ?? null },
  }
}
