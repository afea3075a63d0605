/** The tables of what apps upload and keep: files, characters and their pictures. */
import { sql } from 'drizzle-orm'
import { index, integer, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { BANK_TYPE } from '../../../contract/bank.ts'

/** Uploads of apps; the bytes are in R2 under `key`. */
export const files = sqliteTable(
  'files',
  {
    id: text('id').primaryKey(),
    apiKeyId: text('api_key_id').notNull(),
    key: text('key').notNull(),
    name: text('name').notNull(),
    contentType: text('content_type').notNull(),
    /** Bytes. */
    size: integer('size').notNull(),
    /** Hex. */
    sha256: text('sha256').notNull(),
    metadata: text('metadata', { mode: 'json' }).notNull().$type<Record<string, unknown>>(),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
  },
  (table) => [
    index('files_list').on(table.apiKeyId, table.createdAt, table.id),
    index('files_expired').on(table.expiresAt),
  ],
)
export type FileRow = typeof files.$inferSelect

/** A picture of a character: a URL to fetch, or one that is kept in `reference_pictures`. */
export type StoredReference = { url: string } | { sha256: string; contentType: PictureType; size: number }
export type PictureType = 'image/png' | 'image/jpeg' | 'image/webp'

export const characters = sqliteTable(
  'characters',
  {
    id: text('id').primaryKey(),
    apiKeyId: text('api_key_id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    references: text('references', { mode: 'json' }).notNull().$type<StoredReference[]>(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [index('characters_list').on(table.apiKeyId, table.createdAt, table.id)],
)
export type CharacterRow = typeof characters.$inferSelect

/** Pictures, and banks, in R2 that characters, and stories that have not ended, name by their hash: one of each for an API key. */
export const referencePictures = sqliteTable(
  'reference_pictures',
  {
    /** In R2. */
    key: text('key').primaryKey(),
    apiKeyId: text('api_key_id').notNull(),
    /** Hex. */
    sha256: text('sha256').notNull(),
    contentType: text('content_type').notNull().$type<PictureType | typeof BANK_TYPE>(),
    /** When it was last uploaded, or a character with it deleted; null once something is known to need it. */
    checkSince: integer('check_since'),
    /** Nothing needs it, and its bytes have yet to be deleted. */
    unneeded: integer('unneeded', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [
    uniqueIndex('reference_pictures_hash').on(table.apiKeyId, table.sha256).where(sql`unneeded = 0`),
    index('reference_pictures_check').on(table.checkSince).where(sql`check_since IS NOT NULL`),
    index('reference_pictures_unneeded').on(table.key).where(sql`unneeded = 1`),
  ],
)
