/**
 * The content of stories comes to an end: the days that its API key keeps it are over (`expires_at`, which a trigger of
 * `stories` sets whenever one ends), or its app deletes it. The row stays, with its times and counts, for usage and for
 * those who still ask; what the app wrote and what was generated go. The pictures go afterwards: `files_left` until then.
 */
import { and, inArray, isNotNull, isNull, lte, notInArray, type SQL, sql } from 'drizzle-orm'
import { StoryRequest } from '../../../contract/story.ts'
import type { Db } from '../client.ts'
import { deleteObjects, deleteWithStories, hasObjects } from '../objects/deletions.ts'
import { idempotencyKeys } from '../schema/idempotency.ts'
import { frames, pastFrames, type StoryRow, stories } from '../schema/stories.ts'
import { deliveries, webhookAttempts } from '../schema/webhooks.ts'
import { NO_PAGES, pagesOf } from './page-columns.ts'

/** What is left of a request: nothing that was said in it. */
const ERASED: StoryRequest = { ...StoryRequest.parse({ frames: [{ prompt: '-' }] }), frames: [] }

/** Nothing is left of what the app wrote, nor of the pictures. */
export const isRemoved = ({ dataRemovedAt, filesLeft }: Pick<StoryRow, 'dataRemovedAt' | 'filesLeft'>) =>
  dataRemovedAt !== null && !filesLeft

const hasEnded = notInArray(stories.status, ['queued', 'running'])

/** Stories whose time is over, at most `limit`; the rest is there at the next call. */
export async function expiredStories(db: Db, now: number, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: stories.id })
    .from(stories)
    .where(and(isNotNull(stories.expiresAt), lte(stories.expiresAt, now), hasEnded))
    .limit(limit)
  return rows.map(({ id }) => id)
}

/**
 * Erase the content of stories that have ended, and enqueue the deletion of their pictures; others stay as they are.
 * Answers how many were erased by this call.
 */
export async function removeContent(db: Db, ids: string[], now: number): Promise<number> {
  const these = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`
  const ended = and(inArray(stories.id, these), hasEnded)
  const theirs = sql`(${db.select({ id: stories.id }).from(stories).where(ended)})`
  const messages = db.select({ id: deliveries.id }).from(deliveries).where(inArray(deliveries.storyId, theirs))
  const [, , erased] = await db.batch([
    deleteObjects(db, picturesOf(theirs), now),
    deleteWithStories(db, theirs, now),
    db
      .update(stories)
      .set({
        request: ERASED,
        webhook: null,
        prediction: null,
        progress: null,
        error: null,
        ...NO_PAGES,
        consistency: null,
        bank: null,
        expiresAt: null,
        dataRemovedAt: now,
        filesLeft: hasObjects,
        version: sql`${stories.version} + 1`,
      })
      .where(and(ended, isNull(stories.dataRemovedAt)))
      .returning({ id: stories.id }),
    db.update(frames).set({ key: '', sha256: '' }).where(inArray(frames.storyId, theirs)),
    db.delete(pastFrames).where(inArray(pastFrames.storyId, theirs)),
    db.delete(webhookAttempts).where(inArray(webhookAttempts.deliveryId, messages)),
    db.delete(deliveries).where(inArray(deliveries.storyId, theirs)),
    db.delete(idempotencyKeys).where(inArray(idempotencyKeys.resourceId, theirs)),
  ])
  return erased.length
}

/** Keys of all pictures that stories show, with the story. */
const picturesOf = (storyIds: SQL) => sql`
  SELECT "key", story_id FROM frames WHERE story_id IN ${storyIds}
  UNION ALL SELECT "key", story_id FROM past_frames WHERE story_id IN ${storyIds}
  UNION ALL ${pagesOf(storyIds)}`

/** Have the content of stories that have not ended yet removed as soon as they have. */
export async function keepNothing(db: Db, ids: string[]): Promise<void> {
  const these = sql`(SELECT value FROM json_each(${JSON.stringify(ids)}))`
  await db
    .update(stories)
    .set({ retentionMs: 0 })
    .where(and(inArray(stories.id, these), sql`NOT ${hasEnded}`))
}

/** Stories whose pictures are left though nothing says which: those that were removed before deletions were enqueued. */
export async function storiesWithUnknownFiles(db: Db, limit: number): Promise<string[]> {
  const rows = await db
    .select({ id: stories.id })
    .from(stories)
    .where(and(sql`files_left = 1`, sql`NOT ${hasObjects}`))
    .limit(limit)
  return rows.map(({ id }) => id)
}
