/** What is remembered under the Idempotency-Keys of requests. */
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/** An answer to a request that created something, as it was given. */
export interface StoredAnswer {
  status: number
  location: string
  body: unknown
}

/** What was answered to requests that carried an Idempotency-Key; written in the batch that creates the resource. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    apiKeyId: text('api_key_id').notNull(),
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    /** Of the story or character that was created; the column is older than the latter. */
    resourceId: text('story_id').notNull(),
    answer: text('answer', { mode: 'json' }).notNull().$type<StoredAnswer>(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.apiKeyId, table.key] }),
    index('idempotency_keys_created').on(table.createdAt),
    index('idempotency_keys_story').on(table.resourceId),
  ],
)
export type IdempotencyRow = typeof idempotencyKeys.$inferSelect
