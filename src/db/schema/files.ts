/** The tables of what apps upload and keep: files, characters and their pictures; and the end of all objects in R2. */
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
    /** 0 for those of before this was noted. */
    bytes: integer('bytes').notNull().default(0),
    /** When it was last uploaded, or a character with it deleted; null once something is known to need it. */
    checkSince: integer('check_since'),
  },
  (table) => [
    uniqueIndex('reference_pictures_hash').on(table.apiKeyId, table.sha256),
    index('reference_pictures_check').on(table.checkSince).where(sql`check_since IS NOT NULL`),
  ],
)

/**
 * Objects in R2 that are to be deleted. A row is written in the batch that takes away what named the object, and ahead
 * of each upload: the batch that gives the object a name takes the row away again. So an object that nothing names has a
 * row here, whatever fails in between.
 */
export const objectDeletions = sqliteTable(
  'object_deletions',
  {
    key: text('key').primaryKey(),
    /** The story that it belongs to. */
    storyId: text('story_id'),
    /** Null for what goes with its story, and is named nowhere else. */
    dueAt: integer('due_at'),
    /** Tries that failed. */
    attempts: integer('attempts').notNull().default(0),
  },
  (table) => [
    index('object_deletions_due').on(table.dueAt).where(sql`due_at IS NOT NULL`),
    index('object_deletions_failing').on(table.attempts).where(sql`attempts > 0`),
    index('object_deletions_story').on(table.storyId).where(sql`story_id IS NOT NULL`),
  ],
)
