/**
 * The content of stories comes to an end: the days that its API key keeps it are over (`expires_at`, which a trigger of
 * `stories` sets whenever one ends), or its app deletes it. The row stays, with its times and counts, for usage and for
 * those who still ask; what the app wrote and what was drawn go.
 */
import { and, eq, inArray, isNotNull, isNull, lte, notInArray, sql } from 'drizzle-orm'
import { StoryRequest } from '../../../contract/story.ts'
import type { Db } from '../client.ts'
import { idempotencyKeys } from '../schema/idempotency.ts'
import { frames, pastFrames, stories } from '../schema/stories.ts'
import { deliveries, webhookAttempts } from '../schema/webhooks.ts'

/** What is left of a request: nothing that was said in it. */
const ERASED: StoryRequest = { ...StoryRequest.parse({ frames: [{ prompt: '-' }] }), frames: [] }
/** Rows that one statement takes on; D1 binds at most 100 parameters. */
const AT_ONCE = 50

const hasEnded = notInArray(stories.status, ['queued', 'running'])

/** Stories whose time is over, at most some; the rest is there at the next call. */
export async function expiredStories(db: Db, now: number): Promise<string[]> {
  const rows = await db
    .select({ id: stories.id })
    .from(stories)
    .where(and(isNotNull(stories.expiresAt), lte(stories.expiresAt, now), hasEnded))
    .limit(AT_ONCE)
  return rows.map(({ id }) => id)
}

/**
 * Erase the content of stories that have ended; others stay as they are. Their pictures are then to be deleted, and
 * `markFilesRemoved` to be told: until that, `storiesWithFilesLeft` names them, whatever crashes in between.
 */
export async function removeContent(db: Db, ids: string[], now: number): Promise<void> {
  const ended = and(inArray(stories.id, ids), hasEnded)
  const kept = and(ended, isNull(stories.dataRemovedAt))
  const theirs = db.select({ id: stories.id }).from(stories).where(ended)
  const messages = db.select({ id: deliveries.id }).from(deliveries).where(inArray(deliveries.storyId, theirs))
  await db.batch([
    db
      .update(stories)
      .set({
        request: ERASED,
        webhook: null,
        prediction: null,
        progress: null,
        error: null,
        storyboard: null,
        consistency: null,
        consistencySheet: null,
        bank: null,
        expiresAt: null,
        dataRemovedAt: now,
        filesLeft: true,
        version: sql`${stories.version} + 1`,
      })
      .where(kept),
    db.update(frames).set({ key: '', sha256: '' }).where(inArray(frames.storyId, theirs)),
    db.delete(pastFrames).where(inArray(pastFrames.storyId, theirs)),
    db.delete(webhookAttempts).where(inArray(webhookAttempts.deliveryId, messages)),
    db.delete(deliveries).where(inArray(deliveries.storyId, theirs)),
    db.delete(idempotencyKeys).where(inArray(idempotencyKeys.resourceId, theirs)),
  ])
}

/** Have the content of a story that has not ended yet removed as soon as it has. */
export async function keepNothing(db: Db, id: string): Promise<void> {
  await db.update(stories).set({ retentionMs: 0 }).where(eq(stories.id, id))
}

export async function storiesWithFilesLeft(db: Db): Promise<string[]> {
  const rows = await db.select({ id: stories.id }).from(stories).where(sql`files_left = 1`).limit(AT_ONCE)
  return rows.map(({ id }) => id)
}

export async function markFilesRemoved(db: Db, id: string): Promise<void> {
  await db.update(stories).set({ filesLeft: false }).where(eq(stories.id, id))
}
