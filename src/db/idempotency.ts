/**
 * What is remembered under an Idempotency-Key: one batch writes it and the row that the request creates, or neither.
 */
import { and, eq, getTableColumns, gt, lte, type SQL, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import type { CharacterRow, characters } from './schema/files.ts'
import { type IdempotencyRow, idempotencyKeys, type StoredAnswer } from './schema/idempotency.ts'
import type { StoryRow, stories } from './schema/stories.ts'

/** How long an Idempotency-Key is remembered. */
export const REMEMBER_KEY_MS = 24 * 3_600_000

/** What makes a request a repeat of another, and the answer that repeats get. */
export interface Once {
  key: string
  /** Of the request; the same key with another one is a mistake of the client. */
  fingerprint: string
  answer: StoredAnswer
}

/**
 * Insert `row`, unless its API key has sent `once.key` within the last day: then answers what is remembered of that.
 * Of requests that come at the same time, one inserts and the others get its answer, because the batch is one
 * transaction: there is no moment at which a key is taken and its answer is not there.
 */
export async function insertOnce<Table extends typeof stories | typeof characters>(
  db: Db,
  table: Table,
  row: Table extends typeof stories ? StoryRow : CharacterRow,
  now: number,
  once: Once,
): Promise<IdempotencyRow | undefined> {
  const { apiKeyId, id: resourceId } = row
  const own = and(eq(idempotencyKeys.apiKeyId, apiKeyId), eq(idempotencyKeys.key, once.key))
  const known = and(own, gt(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))
  const [, , , [remembered]] = await db.batch([
    db.delete(idempotencyKeys).where(and(own, lte(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))),
    db
      .insert(table)
      .select(sql`SELECT ${valuesOf(table, row)} WHERE NOT EXISTS (SELECT 1 FROM ${idempotencyKeys} WHERE ${known})`),
    db
      .insert(idempotencyKeys)
      .values({ apiKeyId, ...once, resourceId, createdAt: now })
      .onConflictDoNothing(),
    db.select().from(idempotencyKeys).where(own),
  ])
  return remembered?.resourceId === resourceId ? undefined : remembered
}

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
function valuesOf(table: typeof stories | typeof characters, row: StoryRow | CharacterRow): SQL {
  const values = new Map<string, unknown>(Object.entries(row))
  const columns = Object.entries(getTableColumns(table))
  return sql.join(
    columns.map(([name, column]) => sql`${sql.param(values.get(name), column)}`),
    sql`, `,
  )
}
