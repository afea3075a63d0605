/** Where webhooks go and what signs them: secrets, and URLs that are gone. */
import { and, eq, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { apiKeys } from '../schema/keys.ts'
import { stories } from '../schema/stories.ts'
import { goneWebhooks } from '../schema/webhooks.ts'

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

/** Put `secret` in place of the present one, which signs as well until `until`. */
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
