/** A story that has ended goes on: with more frames, or with one of its frames redrawn. */
import { and, eq, exists, isNull, notInArray, sql } from 'drizzle-orm'
import type { StoryRequest } from '../../../contract/story.ts'
import type { Db } from '../client.ts'
import { type Once, onceFor } from '../idempotency.ts'
import { deleteObjects } from '../objects/deletions.ts'
import type { IdempotencyRow } from '../schema/idempotency.ts'
import { DEFAULT_ATTEMPTS, frames, pastFrames, type StoryRow, stories } from '../schema/stories.ts'
import { NO_PAGES, pagesOf } from '../stories/page-columns.ts'
import { queueFields } from './fields.ts'
import { isFrozen, requeued } from './resume.ts'

/** The row of a story as it will be, so that its first answer can be made before it is. */
export function reopenedStory(
  story: StoryRow,
  { request, cancelAfterMs }: { request: StoryRequest; cancelAfterMs: number | undefined },
  now: number,
): StoryRow {
  const { startBy, finishBy } = queueFields(request, cancelAfterMs, now)
  return {
    ...story,
    ...requeued(now),
    ...{ request, frameCount: request.frames.length, startBy, finishBy },
    maxAttempts: story.attempt + DEFAULT_ATTEMPTS,
    resumes: story.resumes + 1,
    ...NO_PAGES,
    consistency: null,
    expiresAt: null,
    version: story.version + 1,
  }
}

export interface Reopening {
  /** As it was read, and as `reopenedStory` made it. */
  story: StoryRow
  next: StoryRow
  /** The frame that is to be redrawn: its picture is kept as a past one. */
  redraw?: number | undefined
  once?: Once | undefined
}

/**
 * `changed` when the story is not as it was read, or a webhook about it has no body yet, and nothing was done. What is remembered under the Idempotency-Key,
 * when that was used before. One batch: story, frame and key change together or not at all.
 */
export async function reopen(
  db: Db,
  { story, next, redraw, once }: Reopening,
  now: number,
): Promise<'reopened' | 'changed' | IdempotencyRow> {
  const { id, version, apiKeyId } = story
  const hasEnded = and(notInArray(stories.status, ['queued', 'running']), isNull(stories.dataRemovedAt), isFrozen(id))
  const asRead = and(eq(stories.id, id), eq(stories.version, version), hasEnded)
  const where = exists(db.select({ id: stories.id }).from(stories).where(asRead))
  const key = once && onceFor(db, once, { apiKeyId, id, where }, now)
  const due = and(asRead, key?.isTaken)
  const isDue = exists(db.select({ id: stories.id }).from(stories).where(due))
  const redrawn = (table: typeof frames) => and(eq(table.storyId, id), eq(table.index, redraw ?? -1), isDue)
  const { request, frameCount, startBy, finishBy, maxAttempts, resumes } = next
  const change = [
    deleteObjects(db, sql`SELECT "key", story_id FROM (${pagesOf(sql`(${id})`)}) WHERE ${isDue}`, now),
    db.insert(pastFrames).select(db.select().from(frames).where(redrawn(frames))),
    db.delete(frames).where(redrawn(frames)),
    db
      .update(stories)
      .set({
        ...requeued(now),
        ...{ request, frameCount, startBy, finishBy, maxAttempts, resumes },
        ...NO_PAGES,
        consistency: null,
        version: next.version,
      })
      .where(due)
      .returning({ id: stories.id }),
  ] as const
  if (!key) {
    const [, , , reopened] = await db.batch(change)
    return reopened.length > 0 ? 'reopened' : 'changed'
  }
  const [, , , , , reopened, [earlier]] = await db.batch([...key.take, ...change, key.read])
  return reopened.length > 0 ? 'reopened' : (earlier ?? 'changed')
}
