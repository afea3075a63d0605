/**
 * What is remembered under an Idempotency-Key: one batch writes it and the change that the request makes, or neither.
 */
import { and, eq, exists, gt, lte, type SQL, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { valuesOf } from './rows.ts'
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
 * The statements that make a change take effect once for each Idempotency-Key. A batch runs `take` first, then the
 * change where `isTaken` holds, then `read`. Of requests that come at the same time, one takes the key and the others
 * read its answer: a batch is one transaction, so there is no moment at which a key is taken without its answer.
 *
 * @param resource what the change creates or changes, and the condition under which it does.
 */
export function onceFor(
  db: Db,
  once: Once,
  { apiKeyId, id, where }: { apiKeyId: string; id: string; where?: SQL | undefined },
  now: number,
) {
  const own = ownKey(apiKeyId, once.key)
  const { key, fingerprint, answer } = once
  const row = valuesOf(idempotencyKeys, { apiKeyId, key, fingerprint, resourceId: id, answer, createdAt: now })
  const fresh = and(own, eq(idempotencyKeys.resourceId, id), eq(idempotencyKeys.createdAt, now))
  return {
    take: [
      db.delete(idempotencyKeys).where(and(own, lte(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))),
      db
        .insert(idempotencyKeys)
        .select(sql`SELECT ${row} WHERE ${where ?? sql`TRUE`}`)
        .onConflictDoNothing(),
    ] as const,
    isTaken: exists(db.select({ key: idempotencyKeys.key }).from(idempotencyKeys).where(fresh)),
    read: db.select().from(idempotencyKeys).where(own),
  }
}

/**
 * Insert `row`, unless its API key has sent `once.key` within the last day: then answers what is remembered of that.
 */
export async function insertOnce<Table extends typeof stories | typeof characters>(
  db: Db,
  table: Table,
  row: Table extends typeof stories ? StoryRow : CharacterRow,
  now: number,
  once: Once,
): Promise<IdempotencyRow | undefined> {
  const { take, isTaken, read } = onceFor(db, once, row, now)
  const insert = db.insert(table).select(sql`SELECT ${valuesOf(table, row)} WHERE ${isTaken}`)
  const [, , , [remembered]] = await db.batch([...take, insert, read])
  return remembered?.resourceId === row.id ? undefined : remembered
}

export async function findAnswer(db: Db, apiKeyId: string, key: string, now: number) {
  const isRemembered = gt(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS)
  return db
    .select()
    .from(idempotencyKeys)
    .where(and(ownKey(apiKeyId, key), isRemembered))
    .get()
}

export async function forgetIdempotencyKeys(db: Db, now: number): Promise<void> {
  await db.delete(idempotencyKeys).where(lte(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))
}

const ownKey = (apiKeyId: string, key: string) =>
  and(eq(idempotencyKeys.apiKeyId, apiKeyId), eq(idempotencyKeys.key, key))
