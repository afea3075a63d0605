/** Rows of `characters`. */
import { and, desc, eq, exists, inArray, lt, or } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { insertOnce, type Once } from '../idempotency.ts'
import { type CharacterRow, characters, referencePictures } from '../schema/files.ts'
import { type IdempotencyRow, idempotencyKeys } from '../schema/idempotency.ts'
import type { Cursor } from '../stories/stories.ts'
import { namesPicture } from './pictures.ts'

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
