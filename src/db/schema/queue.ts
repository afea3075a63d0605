/** Whose turn it is: the shares of the queue. Its jobs are the rows of `stories`. */
import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'

/**
 * Stride scheduling: one row for each API key and model. The key with the lowest `pass` goes next; being served moves
 * it on by 1 / weight. Kept by triggers of `stories`, like `apiKeys.running`, so that no change can forget them.
 */
export const queueShares = sqliteTable(
  'queue_shares',
  {
    model: text('model').notNull(),
    apiKeyId: text('api_key_id').notNull(),
    /** Stories of the key that are ready for this model. */
    ready: integer('ready').notNull().default(0),
    pass: real('pass').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.model, table.apiKeyId] }),
    index('queue_shares_next').on(table.model, table.pass).where(sql`ready > 0`),
  ],
)

/**
 * The pass at which a model's queue is: that of the key served last. A key that comes back from being idle, or from its
 * cap on running stories, goes on from here, so that it cannot catch up on what it did not ask for.
 */
export const queueClocks = sqliteTable('queue_clocks', {
  model: text('model').primaryKey(),
  pass: real('pass').notNull(),
})
