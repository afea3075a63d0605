/** Rows of `files`: uploads of apps, whose bytes are in R2. */
import { and, desc, eq, exists, gt, inArray, lt, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { hasRoom } from '../keys/api-keys.ts'
import { deleteObjects, keepObject } from '../objects/deletions.ts'
import { valuesOf } from '../rows.ts'
import { type FileRow, files } from '../schema/files.ts'
import { type Cursor, type Reader, readableBy } from '../stories/stories.ts'

/** Keep a file whose bytes are uploaded. False when its API key has no room for it. */
export async function insertFile(db: Db, file: FileRow): Promise<boolean> {
  const row = valuesOf(files, file)
  const isKept = exists(db.select({ id: files.id }).from(files).where(eq(files.id, file.id)))
  const [kept] = await db.batch([
    db
      .insert(files)
      .select(sql`SELECT ${row} WHERE ${hasRoom(file.apiKeyId, file.size)}`)
      .returning({ id: files.id }),
    keepObject(db, file.key, isKept),
  ])
  return kept.length > 0
}

/** Undefined when there is no such file, it has expired, or `reader` may not read it. */
export async function findFile(db: Db, id: string, now: number, reader?: Reader): Promise<FileRow | undefined> {
  return db
    .select()
    .from(files)
    .where(and(eq(files.id, id), readableBy(files.apiKeyId, reader), gt(files.expiresAt, now)))
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

/** Forget a file, and enqueue the deletion of its bytes; undefined when it was not there. */
export async function deleteFile(db: Db, id: string, apiKeyId: string, now: number): Promise<FileRow | undefined> {
  const own = and(eq(files.id, id), eq(files.apiKeyId, apiKeyId))
  const [, [gone]] = await db.batch([
    deleteObjects(db, objectsOf(db, own), now),
    db.delete(files).where(own).returning(),
  ])
  return gone
}

/** Forget files that have expired, at most `limit`, and enqueue the deletion of their bytes. */
export async function forgetExpiredFiles(db: Db, now: number, limit: number): Promise<void> {
  const expired = db
    .select({ id: files.id })
    .from(files)
    .where(lte(files.expiresAt, now))
    .orderBy(files.expiresAt, files.id)
    .limit(limit)
  const these = inArray(files.id, expired)
  await db.batch([deleteObjects(db, objectsOf(db, these), now), db.delete(files).where(these)])
}

const objectsOf = (db: Db, where: SQL | undefined) =>
  sql`${db
    .select({ key: files.key, storyId: sql`NULL`.as('story_id') })
    .from(files)
    .where(where)}`
