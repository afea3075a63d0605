/** What an app may see of its webhooks and do about them: the log, and replay. */
import { and, desc, eq, inArray, lt, or, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { type AttemptRow, type DeliveryRow, deliveries, webhookAttempts } from '../schema/webhooks.ts'
import type { Cursor } from '../stories/stories.ts'

export interface LoggedDelivery {
  delivery: DeliveryRow
  url: string
  attempts: AttemptRow[]
}

/** Newest first, from just after `cursor`; of one story, when it is given. Attempts are in order. */
export async function listDeliveries(
  db: Db,
  apiKeyId: string,
  { storyId, id, cursor, limit }: { storyId?: string; id?: string; cursor?: Cursor; limit: number },
): Promise<LoggedDelivery[]> {
  const older =
    cursor &&
    or(
      lt(deliveries.createdAt, cursor.createdAt),
      and(eq(deliveries.createdAt, cursor.createdAt), lt(deliveries.id, cursor.id)),
    )
  const rows = await db
    .select({ delivery: deliveries, url: stories.webhook })
    .from(deliveries)
    .innerJoin(stories, eq(deliveries.storyId, stories.id))
    .where(
      and(
        eq(deliveries.apiKeyId, apiKeyId),
        storyId === undefined ? undefined : eq(deliveries.storyId, storyId),
        id === undefined ? undefined : eq(deliveries.id, id),
        older,
      ),
    )
    .orderBy(desc(deliveries.createdAt), desc(deliveries.id))
    .limit(limit)
  const ids = rows.map(({ delivery }) => delivery.id)
  const tries = await db.select().from(webhookAttempts).where(inArray(webhookAttempts.deliveryId, ids))
  return rows.map(({ delivery, url }) => ({
    delivery,
    url: url ?? '',
    attempts: tries.filter((attempt) => attempt.deliveryId === delivery.id).sort((a, b) => a.id - b.id),
  }))
}

/**
 * Make a message due. One that is settled starts anew, with all its tries; one that is pending comes forward, to
 * `now + holdMs` at the latest, because a try of it may be under way; one that waits goes on waiting.
 */
export async function replay(db: Db, apiKeyId: string, id: string, now: number, holdMs: number): Promise<void> {
  const own = and(eq(deliveries.id, id), eq(deliveries.apiKeyId, apiKeyId))
  await db.batch([
    db
      .update(deliveries)
      .set({ nextAttemptAt: sql`min(${deliveries.nextAttemptAt}, ${now + holdMs})` })
      .where(and(own, eq(deliveries.status, 'pending'))),
    db
      .update(deliveries)
      .set({ status: 'pending', attempts: 0, nextAttemptAt: now, deliveredAt: null })
      .where(and(own, inArray(deliveries.status, ['delivered', 'failed']))),
  ])
}

/** Messages of progress that one call forgets. */
const FORGOTTEN_AT_ONCE = 10_000

/** Progress that was announced before `before` is not kept: later messages of its story say more. */
export async function forgetProgress(db: Db, before: number): Promise<void> {
  // A literal, so that the planner sees that the partial index fits.
  const old = and(
    sql`type = 'story.progress'`,
    lt(deliveries.createdAt, before),
    inArray(deliveries.status, ['delivered', 'failed']),
  )
  const ids = db.select({ id: deliveries.id }).from(deliveries).where(old).orderBy(deliveries.createdAt)
  const some = sql`(${ids.limit(FORGOTTEN_AT_ONCE)})`
  await db.batch([
    db.delete(webhookAttempts).where(sql`${webhookAttempts.deliveryId} IN ${some}`),
    db.delete(deliveries).where(sql`${deliveries.id} IN ${some}`),
  ])
}
