/**
 * Rows of `reference_pictures`, which characters and stories share. A picture goes when no character has it any more and
 * no story names it that may still be generated: one that failed can be resumed until its content is removed. It is
 * looked at for that only some minutes after it was uploaded or a character with it was deleted, so that a request under
 * way, which has read the one and not yet written the other, finds it still there.
 */
import { and, eq, exists, lte, ne, not, sql } from 'drizzle-orm'
import type { BANK_TYPE } from '../../../contract/bank.ts'
import type { Db } from '../client.ts'
import { hasRoom } from '../keys/api-keys.ts'
import { deleteObjects, keepObject } from '../objects/deletions.ts'
import { characters, type PictureType, referencePictures } from '../schema/files.ts'
import { stories } from '../schema/stories.ts'

export const GRACE_MS = 10 * 60_000
/** When a picture that only stories need is looked at again: all stories of the API key are read for it. */
const LOOK_AGAIN_MS = 3_600_000
/** Pictures of one sweep; the next one takes the rest. */
const AT_ONCE = 500
export interface NewPicture {
  /** In R2. */
  key: string
  apiKeyId: string
  sha256: string
  contentType: PictureType | typeof BANK_TYPE
  bytes: number
}

/**
 * Enter a picture under its hash; answers the R2 key that counts, which is an earlier one's if there is one. Undefined
 * when the API key has no room for it.
 */
export async function keepPicture(db: Db, picture: NewPicture, now: number): Promise<string | undefined> {
  const { key, apiKeyId, sha256, contentType, bytes } = picture
  const known = and(eq(referencePictures.apiKeyId, apiKeyId), eq(referencePictures.sha256, sha256))
  const isKnown = exists(db.select({ key: referencePictures.key }).from(referencePictures).where(known))
  const isKept = exists(
    db.select({ key: referencePictures.key }).from(referencePictures).where(eq(referencePictures.key, key)),
  )
  const [[kept]] = await db.batch([
    db
      .insert(referencePictures)
      .select(
        sql`SELECT ${key}, ${apiKeyId}, ${sha256}, ${contentType}, ${bytes}, ${now} WHERE ${isKnown} OR ${hasRoom(apiKeyId, bytes)}`,
      )
      .onConflictDoUpdate({
        target: [referencePictures.apiKeyId, referencePictures.sha256],
        set: { checkSince: now },
      })
      .returning({ key: referencePictures.key }),
    keepObject(db, key, isKept),
  ])
  return kept?.key
}

export async function findPicture(db: Db, apiKeyId: string, sha256: string) {
  return db
    .select()
    .from(referencePictures)
    .where(and(eq(referencePictures.apiKeyId, apiKeyId), eq(referencePictures.sha256, sha256)))
    .get()
}

/** Forget pictures that nothing needs any more, and enqueue the deletion of their bytes. */
export async function forgetPictures(db: Db, now: number): Promise<void> {
  const { checkSince, apiKeyId, key } = referencePictures
  const due = lte(checkSince, now - GRACE_MS)
  const inCharacter = exists(
    db
      .select({ id: characters.id })
      .from(characters)
      .where(and(eq(characters.apiKeyId, apiKeyId), namesPicture(characters.references))),
  )
  const inStory = exists(
    db
      .select({ id: stories.id })
      .from(stories)
      .where(and(eq(stories.apiKeyId, apiKeyId), ne(stories.status, 'succeeded'), namesPicture(stories.request))),
  )
  // Each look reads all characters and stories of its API key.
  const some = sql`${key} IN (${db.select({ key }).from(referencePictures).where(due).orderBy(checkSince).limit(AT_ONCE)})`
  const unneeded = and(due, some, not(inCharacter), not(inStory))
  const objects = db
    .select({ key, storyId: sql`NULL`.as('story_id') })
    .from(referencePictures)
    .where(unneeded)
  await db.batch([
    db.update(referencePictures).set({ checkSince: null }).where(and(some, inCharacter)),
    db
      .update(referencePictures)
      .set({ checkSince: now - GRACE_MS + LOOK_AGAIN_MS })
      .where(and(some, inStory)),
    deleteObjects(db, sql`${objects}`, now),
    db.delete(referencePictures).where(unneeded),
  ])
}

/** Whether the picture's hash is in a column of JSON. Prose that quotes one keeps a picture longer, and no more. */
export function namesPicture(column: typeof characters.references | typeof stories.request) {
  return sql`instr(${column}, ${referencePictures.sha256}) > 0`
}
