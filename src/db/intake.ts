/** Taking a story in: one batch writes its row and what is remembered under its Idempotency-Key, or neither. */
import { and, eq, getTableColumns, gt, lte, type SQL, sql } from 'drizzle-orm'
import type { StoryRequest } from '../../contract/story.ts'
import type { Db } from './client.ts'
import { queueFields } from './queue-fields.ts'
import {
  type IdempotencyRow,
  idempotencyKeys,
  type StoredAnswer,
  type StoredPrediction,
  type StoryRow,
  stories,
} from './schema.ts'

/** How long an Idempotency-Key is remembered. */
export const REMEMBER_KEY_MS = 24 * 3_600_000

export interface NewStory {
  id: string
  apiKeyId: string
  request: StoryRequest
  model: string
  seed: number
  origin: string
  traceparent?: string | null
  /** How long its content is kept after its end; null for ever. */
  retentionMs?: number | null
  /** Null for stories that did not come by Replicate's wire. */
  prediction?: StoredPrediction | null
  /** How long after its acceptance the story has to be over, started or not; undefined for never. */
  cancelAfterMs?: number | undefined
}

/** The row of a story as it will be stored, so that its first answer can be made before it is. */
export function newStory({ cancelAfterMs, ...story }: NewStory, now: number): StoryRow {
  const values: typeof stories.$inferInsert = {
    ...story,
    webhook: story.request.webhook,
    frameCount: story.request.frames.length,
    status: 'queued',
    ...queueFields(story.request, cancelAfterMs, now),
    createdAt: now,
  }
  const given = new Map<string, unknown>(Object.entries(values))
  const row = Object.entries(getTableColumns(stories)).map(([name, { default: fallback }]) => [
    name,
    given.get(name) ?? fallback ?? null,
  ])
  // Every column of the table has its value, which no type of Object.fromEntries can say.
  return Object.fromEntries(row) as StoryRow
}

/** What makes a request a repeat of another, and the answer that repeats get. */
export interface Once {
  key: string
  /** Of the request; the same key with another one is a mistake of the client. */
  fingerprint: string
  answer: StoredAnswer
}

/**
 * Queue a story, unless the API key has sent `once.key` within the last day: then answers what is remembered of that.
 * Of requests that come at the same time, one queues and the others get its answer, because the batch is one
 * transaction: there is no moment at which a key is taken and its answer is not there.
 */
export async function enqueue(db: Db, story: StoryRow, now: number, once?: Once): Promise<IdempotencyRow | undefined> {
  if (!once) {
    await db.insert(stories).values(story)
    return undefined
  }
  const { apiKeyId } = story
  const row: IdempotencyRow = { apiKeyId, ...once, storyId: story.id, createdAt: now }
  const own = and(eq(idempotencyKeys.apiKeyId, apiKeyId), eq(idempotencyKeys.key, once.key))
  const known = and(own, gt(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))
  const [, , , [remembered]] = await db.batch([
    db.delete(idempotencyKeys).where(and(own, lte(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))),
    db
      .insert(stories)
      .select(
        sql`SELECT ${valuesOf(stories, story)} WHERE NOT EXISTS (SELECT 1 FROM ${idempotencyKeys} WHERE ${known})`,
      ),
    db.insert(idempotencyKeys).values(row).onConflictDoNothing(),
    db.select().from(idempotencyKeys).where(own),
  ])
  return remembered?.storyId === story.id ? undefined : remembered
}

/** What is remembered under an Idempotency-Key. */
export async function findAnswer(db: Db, apiKeyId: string, key: string, now: number) {
  const own = and(eq(idempotencyKeys.apiKeyId, apiKeyId), eq(idempotencyKeys.key, key))
  return db
    .select()
    .from(idempotencyKeys)
    .where(and(own, gt(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS)))
    .get()
}

export async function forgetIdempotencyKeys(db: Db, now: number): Promise<void> {
  await db.delete(idempotencyKeys).where(lte(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))
}

/** The values of a row in the order of the table's columns. */
function valuesOf(table: typeof stories, row: StoryRow): SQL {
  const values = new Map<string, unknown>(Object.entries(row))
  const columns = Object.entries(getTableColumns(table))
  return sql.join(
    columns.map(([name, column]) => sql`${sql.param(values.get(name), column)}`),
    sql`, `,
  )
}
