/**
 * The deletion of objects in R2, which cannot be part of a batch of D1. So it is enqueued by one, in rows of
 * `object_deletions`, and done afterwards, as often as it takes. An upload enqueues its own deletion before it begins:
 * unless something names the object within `UPLOAD_MS`, it goes again.
 */
import { and, eq, inArray, isNotNull, lte, or, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { leaseStateQuery } from '../queue/lease.ts'
import { heldBy } from '../queue/transitions.ts'
import { objectDeletions } from '../schema/files.ts'
import { stories } from '../schema/stories.ts'

/** Longer than any upload takes, with what names the object. */
const UPLOAD_MS = 3_600_000
/** Before an object is deleted whose upload may be under way while its story is removed. */
const IN_FLIGHT_MS = 30_000
const LONGEST_PAUSE_MS = 24 * 3_600_000

export interface Deletion {
  key: string
  storyId: string | null
  attempts: number
}

const { key, storyId, dueAt, attempts } = objectDeletions
/** Spelt out, so that the planner sees that the partial index fits. */
const isDue = (now: number) => and(isNotNull(dueAt), lte(dueAt, now))

/** Ahead of the upload of an object under a new key. */
export async function beginUpload(db: Db, key: string, now: number): Promise<void> {
  await db.insert(objectDeletions).values({ key, dueAt: now + UPLOAD_MS })
}

/**
 * Ahead of an upload for a story: only for the holder of its lease. Answers the state of the story, undefined when there
 * is none. A key that the story has already keeps its place; what is left of an earlier upload under it begins anew.
 */
export async function beginStoryUpload(
  db: Db,
  { key, storyId, leaseToken }: { key: string; storyId: string; leaseToken: string },
  now: number,
) {
  const row = sql`SELECT ${key}, ${stories.id}, ${now + UPLOAD_MS}, 0 FROM ${stories} WHERE ${heldBy(storyId, leaseToken)}`
  const [, [state]] = await db.batch([
    db
      .insert(objectDeletions)
      .select(row)
      .onConflictDoUpdate({
        target: objectDeletions.key,
        set: { dueAt: sql`iif(${dueAt} IS NULL, NULL, excluded.due_at)`, attempts: 0 },
      }),
    leaseStateQuery(db, storyId, leaseToken),
  ])
  return state && { ...state, held: state.held === 1 }
}

/** For the batch that names an object: it is kept, where `isNamed` holds. */
export const keepObject = (db: Db, objectKey: string, isNamed: SQL | undefined) =>
  db.delete(objectDeletions).where(and(eq(key, objectKey), isNamed))

/** The same for one that its story names, and keeps until it is removed, whatever else comes to be named in its place. */
export const keepWithStory = (db: Db, objectKey: string, isNamed: SQL | undefined) =>
  db
    .update(objectDeletions)
    .set({ dueAt: null })
    .where(and(eq(key, objectKey), isNamed))

/** For the batch that takes away what names objects: `rows` selects their keys, the stories they belong to or null. */
export const deleteObjects = (db: Db, rows: SQL, now: number) =>
  db
    .insert(objectDeletions)
    .select(sql`SELECT "key", story_id, ${now}, 0 FROM (${rows}) AS gone WHERE "key" <> ''`)
    .onConflictDoUpdate({ target: key, set: { dueAt: now } })

/** For the batch that removes stories: what is enqueued of them becomes due, or almost, if its upload may be under way. */
export const deleteWithStories = (db: Db, storyIds: SQL, now: number) =>
  db
    .update(objectDeletions)
    .set({ dueAt: sql`iif(${dueAt} > ${now}, min(${dueAt}, ${now + IN_FLIGHT_MS}), ${now})` })
    .where(and(isNotNull(storyId), sql`${storyId} IN ${storyIds}`))

/** Objects to be deleted, at most `limit`: those that were never tried, or those that were. */
export async function dueDeletions(
  db: Db,
  tried: 'untried' | 'tried',
  { now, limit }: { now: number; limit: number },
): Promise<Deletion[]> {
  const which = tried === 'untried' ? eq(attempts, 0) : sql`${attempts} > 0`
  return db
    .select({ key, storyId, attempts })
    .from(objectDeletions)
    .where(and(which, isDue(now)))
    .limit(limit)
}

/** The objects are deleted. Stories of which none is left are removed for good: their ids. */
export async function settleDeletions(db: Db, done: Pick<Deletion, 'key' | 'storyId'>[]): Promise<string[]> {
  const listed = (values: (string | null)[]) => sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`
  const ids = [...new Set(done.flatMap((deletion) => deletion.storyId ?? []))]
  const [, removed] = await db.batch([
    db.delete(objectDeletions).where(inArray(key, listed(done.map((deletion) => deletion.key)))),
    markRemoved(db, inArray(stories.id, listed(ids))),
  ])
  return removed.map(({ id }) => id)
}

/** Stories whose content was removed, and of which no object is left. */
const markRemoved = (db: Db, these: SQL | undefined) =>
  db
    .update(stories)
    .set({ filesLeft: false, version: sql`${stories.version} + 1` })
    .where(and(these, sql`files_left = 1`, sql`NOT ${hasObjects}`))
    .returning({ id: stories.id })

/** Whether objects of a story, a row of `stories`, are still to be deleted. */
export const hasObjects = sql`EXISTS (SELECT 1 FROM object_deletions WHERE object_deletions.story_id = ${stories.id})`

/** The objects could not be deleted: each is tried again by itself, after a pause that grows to a day. */
export async function postponeDeletions(db: Db, failed: Deletion[], now: number): Promise<void> {
  const keys = sql`(SELECT value FROM json_each(${JSON.stringify(failed.map((deletion) => deletion.key))}))`
  const pause = sql`min(60000 << min(${attempts}, 11), ${LONGEST_PAUSE_MS})`
  await db
    .update(objectDeletions)
    .set({ attempts: sql`${attempts} + 1`, dueAt: sql`${now} + ${pause}` })
    .where(inArray(key, keys))
}

/**
 * All objects of a story were listed and deleted. False when one may come after that, because its upload was under way
 * when the story was removed.
 */
export async function settleStory(db: Db, id: string, now: number): Promise<boolean> {
  const [, , [story]] = await db.batch([
    db.delete(objectDeletions).where(and(eq(storyId, id), or(isDue(now), sql`${attempts} > 0`))),
    markRemoved(db, eq(stories.id, id)),
    db.select({ filesLeft: stories.filesLeft }).from(stories).where(eq(stories.id, id)),
  ])
  return story?.filesLeft === false
}

/** Objects that could not be deleted so far. */
export async function countUndeleted(db: Db): Promise<number> {
  const [row] = await db.select({ count: sql<number>`count(*)` }).from(objectDeletions).where(sql`attempts > 0`)
  return row?.count ?? 0
}
