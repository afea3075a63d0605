/** Rows of `api_keys`: who may post stories. Only the hash of a key is kept. */
import { and, eq, isNull } from 'drizzle-orm'
import type { Db } from './client.ts'
import { apiKeys } from './schema.ts'

export type ApiKeyRow = typeof apiKeys.$inferSelect

/** Keep a key; one that is already known stays as it is. */
export async function insertApiKey(db: Db, key: typeof apiKeys.$inferInsert): Promise<void> {
  await db.insert(apiKeys).values(key).onConflictDoNothing({ target: apiKeys.hash })
}

/** The key in force with this SHA-256 (hex); undefined when unknown or revoked. */
export async function findApiKey(db: Db, hash: string): Promise<ApiKeyRow | undefined> {
  return db
    .select()
    .from(apiKeys)
    .where(and(eq(apiKeys.hash, hash), isNull(apiKeys.revokedAt)))
    .get()
}
