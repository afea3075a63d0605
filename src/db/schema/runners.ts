/** Runners that have announced themselves. Times are milliseconds since 1970. */
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { ModelAbilities } from '../../../contract/model.ts'

export const runners = sqliteTable(
  'runners',
  {
    name: text('name').primaryKey(),
    /** The version of `contract/runner.ts` that it speaks. */
    protocol: integer('protocol').notNull(),
    model: text('model').notNull(),
    abilities: text('abilities', { mode: 'json' }).notNull().$type<ModelAbilities>(),
    firstSeenAt: integer('first_seen_at').notNull(),
    /** The last announcement. */
    seenAt: integer('seen_at').notNull(),
    /** When it said goodbye; null while it runs, or if it ended without. */
    goneAt: integer('gone_at'),
    /** API keys whose stories went wrong here since one last went well. */
    blamedBy: text('blamed_by', { mode: 'json' }).notNull().default([]).$type<string[]>(),
    /** It gets no stories until then. */
    setAsideUntil: integer('set_aside_until'),
  },
  (table) => [
    index('runners_model').on(table.model, table.seenAt),
    index('runners_blamed').on(table.name).where(sql`blamed_by <> '[]'`),
  ],
)
export type RunnerRow = typeof runners.$inferSelect
