/** The outbox of webhooks with every try, and the messages of runners that took effect. */
import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { StoryWebhook } from '../../../contract/story-view.ts'
import { stories } from './stories.ts'

/**
 * `waiting` behind an earlier message of its story, `pending` a try, or settled: `delivered`, or `failed` for good.
 * Messages of one story are sent in the order of their `sequence`, so at most one or two of them are pending.
 */
export type DeliveryStatus = 'waiting' | 'pending' | 'delivered' | 'failed'

/**
 * The outbox of webhooks. A row is written in the batch that changes the story, under an id that the event determines
 * (`msg_<story>_completed`), so a change is announced once, whatever crashes in between.
 */
export const deliveries = sqliteTable(
  'webhook_deliveries',
  {
    id: text('id').primaryKey(),
    storyId: text('story_id')
      .notNull()
      .references(() => stories.id),
    apiKeyId: text('api_key_id').notNull(),
    /** Scheme and host of the URL. With the API key it names the lane: what one Durable Object sends. */
    origin: text('origin').notNull(),
    /** Counts the messages of one story from 1. */
    sequence: integer('sequence').notNull(),
    type: text('type').notNull().$type<StoryWebhook['type']>(),
    status: text('status').notNull().$type<DeliveryStatus>(),
    /** Written at the first try, so that every later try sends the same bytes. */
    body: text('body'),
    /** Since the message became due or was replayed; `webhook_attempts` has them all. */
    attempts: integer('attempts').notNull().default(0),
    /** Null unless pending. While a try is under way: when it counts as lost. */
    nextAttemptAt: integer('next_attempt_at'),
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    createdAt: integer('created_at').notNull(),
    deliveredAt: integer('delivered_at'),
  },
  (table) => [
    index('webhook_deliveries_due')
      .on(table.apiKeyId, table.origin, table.nextAttemptAt)
      .where(sql`next_attempt_at IS NOT NULL`),
    index('webhook_deliveries_pending').on(table.createdAt).where(sql`next_attempt_at IS NOT NULL`),
    index('webhook_deliveries_progress').on(table.createdAt).where(sql`type = 'story.progress'`),
    index('webhook_deliveries_unsettled')
      .on(table.storyId, table.sequence)
      .where(sql`status IN ('waiting', 'pending')`),
    uniqueIndex('webhook_deliveries_story').on(table.storyId, table.sequence),
    index('webhook_deliveries_list').on(table.apiKeyId, table.createdAt, table.id),
  ],
)
export type DeliveryRow = typeof deliveries.$inferSelect

/** Every try of every delivery, for the app to look at. */
export const webhookAttempts = sqliteTable(
  'webhook_attempts',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    deliveryId: text('delivery_id')
      .notNull()
      .references(() => deliveries.id),
    at: integer('at').notNull(),
    /** How long the answer took. */
    ms: integer('ms').notNull(),
    /** Null when there was no answer. */
    status: integer('status'),
    /** The first kilobyte of the answer. */
    response: text('response'),
    error: text('error'),
  },
  (table) => [index('webhook_attempts_delivery').on(table.deliveryId)],
)
export type AttemptRow = typeof webhookAttempts.$inferSelect

/** URLs that answered 410 Gone: nothing is sent there until a ping succeeds. */
export const goneWebhooks = sqliteTable(
  'gone_webhooks',
  { apiKeyId: text('api_key_id').notNull(), url: text('url').notNull(), since: integer('since').notNull() },
  (table) => [primaryKey({ columns: [table.apiKeyId, table.url] })],
)

/** `webhook-id`s of runner events that took effect, kept for as long as a copy of one would pass the age check. */
export const runnerMessages = sqliteTable(
  'runner_messages',
  {
    id: text('id').primaryKey(),
    storyId: text('story_id').notNull(),
    receivedAt: integer('received_at').notNull(),
  },
  (table) => [index('runner_messages_received').on(table.receivedAt)],
)
