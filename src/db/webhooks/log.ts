/** What an app may see of its webhooks and do about them: the log, replay, secrets, and URLs that are gone. */
import { and, desc, eq, inArray, lt, or, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { apiKeys, stories } from '../schema/stories.ts'
import { type AttemptRow, type DeliveryRow, deliveries, goneWebhooks, webhookAttempts } from '../schema/webhooks.ts'
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

/** What sends a story's webhooks, as long as `now` is before the end of the overlap with two secrets. */
export interface Endpoint {
  url: string
  /** In force; the newest first. */
  secrets: string[]
  /** Since when nothing is sent there, because the URL answered 410 Gone. */
  goneSince: number | null
  /** W3C trace context of the story. */
  traceparent: string | null
}

/** Where a story's webhooks go, and what signs them; undefined when it has none. */
export async function endpointOf(db: Db, storyId: string, now: number): Promise<Endpoint | undefined> {
  const row = await db
    .select({
      url: stories.webhook,
      traceparent: stories.traceparent,
      apiKey: apiKeys,
      goneSince: goneWebhooks.since,
    })
    .from(stories)
    .innerJoin(apiKeys, eq(stories.apiKeyId, apiKeys.id))
    .leftJoin(goneWebhooks, and(eq(goneWebhooks.apiKeyId, stories.apiKeyId), eq(goneWebhooks.url, stories.webhook)))
    .where(eq(stories.id, storyId))
    .get()
  if (!row?.url) return undefined
  const { url, traceparent, goneSince } = row
  return { url, secrets: secretsOf(row.apiKey, now), goneSince, traceparent }
}

/** The secrets that sign at `now`, the newest first. */
export function secretsOf(apiKey: typeof apiKeys.$inferSelect, now: number): string[] {
  const { webhookSecret, previousWebhookSecret: previous, previousWebhookSecretUntil: until } = apiKey
  return previous !== null && until !== null && now < until ? [webhookSecret, previous] : [webhookSecret]
}

/** Put `secret` in place of the present one, which goes on signing beside it until `until`. */
export async function rotateSecret(db: Db, apiKeyId: string, secret: string, until: number): Promise<void> {
  await db
    .update(apiKeys)
    .set({
      webhookSecret: secret,
      previousWebhookSecret: sql`${apiKeys.webhookSecret}`,
      previousWebhookSecretUntil: until,
    })
    .where(eq(apiKeys.id, apiKeyId))
}

export async function markGone(db: Db, apiKeyId: string, url: string, now: number): Promise<void> {
  await db.insert(goneWebhooks).values({ apiKeyId, url, since: now }).onConflictDoNothing()
}

export async function markBack(db: Db, apiKeyId: string, url: string): Promise<void> {
  await db.delete(goneWebhooks).where(and(eq(goneWebhooks.apiKeyId, apiKeyId), eq(goneWebhooks.url, url)))
}

export async function goneSince(db: Db, apiKeyId: string, url: string): Promise<number | undefined> {
  const row = await db
    .select({ since: goneWebhooks.since })
    .from(goneWebhooks)
    .where(and(eq(goneWebhooks.apiKeyId, apiKeyId), eq(goneWebhooks.url, url)))
    .get()
  return row?.since
}
