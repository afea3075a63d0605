/**
 * Rows of `characters`, and of the pictures that they share. A picture goes when no character has it any more and no
 * story names it that may still be drawn: one that failed can be resumed until its content is removed. It is looked at for that only some
 * minutes after it was uploaded or a character with it was deleted, so that a request under way, which has read the one
 * and not yet written the other, finds it still there.
 */
import { and, desc, eq, exists, inArray, lt, lte, ne, or, sql } from 'drizzle-orm'
import type { BANK_TYPE } from '../../../contract/bank.ts'
import type { Db } from '../client.ts'
import { insertOnce, type Once } from '../idempotency.ts'
import { type CharacterRow, characters, type PictureType, referencePictures } from '../schema/files.ts'
import { type IdempotencyRow, idempotencyKeys, stories } from '../schema/stories.ts'
import type { Cursor } from '../stories/stories.ts'

const GRACE_MS = 10 * 60_000
/** When a picture that only stories need is looked at again: all stories of the API key are read for it. */
const LOOK_AGAIN_MS = 3_600_000
/** Pictures that one sweep removes; the rest is there at the next. */
const AT_ONCE = 50

/** Keep a character, unless `once.key` has kept one before: see `insertOnce`, whose answer this is. */
export async function insertCharacter(
  db: Db,
  character: CharacterRow,
  now: number,
  once?: Once,
): Promise<IdempotencyRow | undefined> {
  if (once) return insertOnce(db, characters, character, now, once)
  await db.insert(characters).values(character)
  return undefined
}

export async function findCharacters(db: Db, ids: string[], apiKeyId: string): Promise<CharacterRow[]> {
  if (ids.length === 0) return []
  return db
    .select()
    .from(characters)
    .where(and(inArray(characters.id, ids), eq(characters.apiKeyId, apiKeyId)))
}

/** Newest first, from just after `cursor`. */
export async function listCharacters(db: Db, apiKeyId: string, cursor: Cursor | undefined, limit: number) {
  const { createdAt, id } = characters
  const older = cursor && or(lt(createdAt, cursor.createdAt), and(eq(createdAt, cursor.createdAt), lt(id, cursor.id)))
  return db
    .select()
    .from(characters)
    .where(and(eq(characters.apiKeyId, apiKeyId), older))
    .orderBy(desc(createdAt), desc(id))
    .limit(limit)
}

/** Delete it, and the remembered answer that shows it. False when there was none. */
export async function deleteCharacter(db: Db, id: string, apiKeyId: string, now: number): Promise<boolean> {
  const own = and(eq(characters.id, id), eq(characters.apiKeyId, apiKeyId))
  const theirs = db.select({ id: characters.id }).from(characters).where(own)
  const [, , gone] = await db.batch([
    db.delete(idempotencyKeys).where(inArray(idempotencyKeys.resourceId, theirs)),
    db
      .update(referencePictures)
      .set({ checkSince: now })
      .where(
        and(
          eq(referencePictures.apiKeyId, apiKeyId),
          eq(referencePictures.unneeded, false),
          exists(
            db
              .select({ id: characters.id })
              .from(characters)
              .where(and(own, namesPicture(characters.references))),
          ),
        ),
      ),
    db.delete(characters).where(own).returning({ id: characters.id }),
  ])
  return gone.length > 0
}

/** Enter a picture under its hash; answers the R2 key that counts, which is an earlier one's if there is one. */
export async function keepPicture(
  db: Db,
  picture: { key: string; apiKeyId: string; sha256: string; contentType: PictureType | typeof BANK_TYPE },
  now: number,
): Promise<string> {
  const [kept] = await db
    .insert(referencePictures)
    .values({ ...picture, checkSince: now })
    .onConflictDoUpdate({
      target: [referencePictures.apiKeyId, referencePictures.sha256],
      targetWhere: sql`unneeded = 0`,
      set: { checkSince: now },
    })
    .returning({ key: referencePictures.key })
  if (!kept) throw new Error('a picture was neither inserted nor found')
  return kept.key
}

export async function findPicture(db: Db, apiKeyId: string, sha256: string) {
  const { unneeded } = referencePictures
  const own = and(eq(referencePictures.apiKeyId, apiKeyId), eq(referencePictures.sha256, sha256))
  return db
    .select()
    .from(referencePictures)
    .where(and(own, eq(unneeded, false)))
    .get()
}

/** R2 keys of pictures that nothing needs any more; `forgetPictures` is to be told once they are deleted. */
export async function unneededPictures(db: Db, now: number): Promise<string[]> {
  const { checkSince, unneeded, apiKeyId, key } = referencePictures
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
  const [, , , rows] = await db.batch([
    db.update(referencePictures).set({ checkSince: null }).where(and(due, inCharacter)),
    db
      .update(referencePictures)
      .set({ checkSince: now - GRACE_MS + LOOK_AGAIN_MS })
      .where(and(due, inStory)),
    db.update(referencePictures).set({ checkSince: null, unneeded: true }).where(due),
    db.select({ key }).from(referencePictures).where(sql`${unneeded} = 1`).limit(AT_ONCE),
  ])
  return rows.map((row) => row.key)
}

export async function forgetPictures(db: Db, keys: string[]): Promise<void> {
  await db.delete(referencePictures).where(inArray(referencePictures.key, keys))
}

/** Whether the picture's hash stands in a column of JSON. Prose that quotes one keeps a picture longer, and no more. */
function namesPicture(column: typeof characters.references | typeof stories.request) {
  return sql`instr(${column}, ${referencePictures.sha256}) > 0`
}
