/** Rows of `webhook_deliveries`: the outbox of webhooks owed to apps. */
import { and, asc, eq, inArray, isNotNull, lte, type SQL, sql } from 'drizzle-orm'
import type { StoryWebhook, WebhookEvent } from '../../contract/story.ts'
import type { Db } from './client.ts'
import { apiKeys, type DeliveryRow, deliveries, stories } from './schema.ts'

/** Tries in all, with the pauses after each failed one; an endpoint that is down for a few minutes misses nothing. */
const RETRY_MS = [5_000, 30_000, 120_000, 300_000, 900_000]

const EVENT_OF = {
  'story.started': 'start',
  'story.frame.completed': 'frame',
  'story.progress': 'progress',
  'story.completed': 'completed',
  'story.failed': 'completed',
  'story.canceled': 'completed',
} as const satisfies Record<StoryWebhook['type'], WebhookEvent>

/**
 * The statement that owes `type` to the webhook of each story in `where`, if it subscribed to that. To be batched
 * ahead of the change it announces, under the same condition, so that both happen or neither.
 *
 * @param suffix tells apart several messages of one kind: the index of a frame, the number of a progress report.
 */
export function owe(db: Db, type: StoryWebhook['type'], where: SQL | undefined, now: number, suffix = sql`''`) {
  const event = EVENT_OF[type]
  const subscribed = sql`EXISTS (SELECT 1 FROM json_each(${stories.request}, '$.webhook_events_filter')
    WHERE json_each.value = ${event})`
  const rows = db
    .select({
      id: sql<string>`'msg_' || ${stories.id} || ${`_${event}`} || ${suffix}`.as('id'),
      storyId: stories.id,
      type: sql<StoryWebhook['type']>`${type}`.as('type'),
      body: sql<null>`NULL`.as('body'),
      attempts: sql<number>`0`.as('attempts'),
      nextAttemptAt: sql<number>`${now}`.as('next_attempt_at'),
      lastStatus: sql<null>`NULL`.as('last_status'),
      lastError: sql<null>`NULL`.as('last_error'),
      createdAt: sql<number>`${now}`.as('created_at'),
      deliveredAt: sql<null>`NULL`.as('delivered_at'),
    })
    .from(stories)
    .where(and(where, isNotNull(stories.webhook), subscribed))
  return db.insert(deliveries).select(rows).onConflictDoNothing()
}

/**
 * Take up to `limit` webhooks that are due, oldest first. Each is held for `holdMs`: when the sender dies, it is due
 * again.
 */
export async function takeDueDeliveries(db: Db, now: number, holdMs: number, limit: number): Promise<DeliveryRow[]> {
  const due = db
    .select({ id: deliveries.id })
    .from(deliveries)
    .where(lte(deliveries.nextAttemptAt, now))
    .orderBy(asc(deliveries.nextAttemptAt))
    .limit(limit)
  return db
    .update(deliveries)
    .set({ nextAttemptAt: now + holdMs, attempts: sql`${deliveries.attempts} + 1` })
    .where(and(inArray(deliveries.id, due), lte(deliveries.nextAttemptAt, now)))
    .returning()
}

/** Where a story's webhooks go, and what signs them. */
export async function endpointOf(db: Db, storyId: string): Promise<{ url: string; secret: string } | undefined> {
  const row = await db
    .select({ url: stories.webhook, secret: apiKeys.webhookSecret })
    .from(stories)
    .innerJoin(apiKeys, eq(stories.apiKeyId, apiKeys.id))
    .where(eq(stories.id, storyId))
    .get()
  return row?.url ? { url: row.url, secret: row.secret } : undefined
}

/** Freeze the body at the first try. */
export async function keepBody(db: Db, id: string, body: string): Promise<void> {
  await db.update(deliveries).set({ body }).where(eq(deliveries.id, id))
}

export type Outcome = { delivered: boolean; status: number | null; error: string | null }

/** Note how a try ended: delivered, due again after a pause, or given up after the last pause. */
export async function settleDelivery(db: Db, delivery: DeliveryRow, outcome: Outcome, now: number): Promise<void> {
  const pause = outcome.delivered ? undefined : RETRY_MS[delivery.attempts - 1]
  await db
    .update(deliveries)
    .set({
      nextAttemptAt: pause === undefined ? null : now + pause,
      lastStatus: outcome.status,
      lastError: outcome.error,
      deliveredAt: outcome.delivered ? now : null,
    })
    // A sender that overran its hold must not undo what the next one achieved.
    .where(and(eq(deliveries.id, delivery.id), eq(deliveries.attempts, delivery.attempts)))
}
