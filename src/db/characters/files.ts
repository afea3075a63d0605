/** Rows of `files`: uploads of apps, whose bytes are in R2. */
import { and, desc, eq, gt, inArray, lt, lte, or } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { type FileRow, files } from '../schema/files.ts'
import type { Cursor } from '../stories/stories.ts'

export async function insertFile(db: Db, file: FileRow): Promise<void> {
  await db.insert(files).values(file)
}

/** Undefined when there is no such file, it has expired, or it belongs to another API key than the given one. */
export async function findFile(db: Db, id: string, now: number, apiKeyId?: string): Promise<FileRow | undefined> {
  const owned = apiKeyId === undefined ? undefined : eq(files.apiKeyId, apiKeyId)
  return db
    .select()
    .from(files)
    .where(and(eq(files.id, id), owned, gt(files.expiresAt, now)))
    .get()
}

/** Newest first, from just after `cursor`. */
export async function listFiles(db: Db, apiKeyId: string, now: number, cursor: Cursor | undefined, limit: number) {
  const { createdAt, id } = files
  const older = cursor && or(lt(createdAt, cursor.createdAt), and(eq(createdAt, cursor.createdAt), lt(id, cursor.id)))
  return db
    .select()
    .from(files)
    .where(and(eq(files.apiKeyId, apiKeyId), gt(files.expiresAt, now), older))
    .orderBy(desc(createdAt), desc(id))
    .limit(limit)
}

/** Forget a file; undefined when it was not there. The bytes are the caller's to delete, afterwards. */
export async function deleteFile(db: Db, id: string, apiKeyId: string): Promise<FileRow | undefined> {
  const [gone] = await db
    .delete(files)
    .where(and(eq(files.id, id), eq(files.apiKeyId, apiKeyId)))
    .returning()
  return gone
}

/** Up to `limit` files that have expired; their bytes go first, so that none are left without a row. */
export async function expiredFiles(db: Db, now: number, limit: number): Promise<FileRow[]> {
  return db.select().from(files).where(lte(files.expiresAt, now)).limit(limit)
}

export async function forgetFiles(db: Db, ids: string[]): Promise<void> {
  await db.delete(files).where(inArray(files.id, ids))
}
