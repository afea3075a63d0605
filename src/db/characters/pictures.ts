/**
 * Rows of `reference_pictures`, which characters and stories share. A picture goes when no character has it any more and
 * no story names it that may still be generated: one that failed can be resumed until its content is removed. It is
 * looked at for that only some minutes after it was uploaded or a character with it was deleted, so that a request under
 * way, which has read the one and not yet written the other, finds it still there.
 */
import { and, eq, exists, inArray, lte, ne, sql } from 'drizzle-orm'
import type { BANK_TYPE } from '../../../contract/bank.ts'
import type { Db } from '../client.ts'
import { characters, type PictureType, referencePictures } from '../schema/files.ts'
import { stories } from '../schema/stories.ts'

const GRACE_MS = 10 * 60_000
/** When a picture that only stories need is looked at again: all stories of the API key are read for it. */
const LOOK_AGAIN_MS = 3_600_000
/** Pictures that one sweep removes; the rest is there at the next. */
const AT_ONCE = 50

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
export function namesPicture(column: typeof characters.references | typeof stories.request) {
  return sql`instr(${column}, ${referencePictures.sha256}) > 0`
}
