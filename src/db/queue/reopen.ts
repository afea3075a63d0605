/** A story that has ended goes on: with more frames, or with one of its frames drawn again. */
import { and, eq, exists, gt, isNull, lte, notInArray, sql } from 'drizzle-orm'
import type { StoryRequest } from '../../../contract/story.ts'
import type { Db } from '../client.ts'
import { type Once, REMEMBER_KEY_MS } from '../idempotency.ts'
import { type IdempotencyRow, idempotencyKeys } from '../schema/idempotency.ts'
import { DEFAULT_ATTEMPTS, frames, pastFrames, type StoryRow, stories } from '../schema/stories.ts'
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
    ...{ storyboard: null, consistency: null, consistencySheet: null },
    expiresAt: null,
    version: story.version + 1,
  }
}

export interface Reopening {
  /** As it was read, and as `reopenedStory` made it. */
  story: StoryRow
  next: StoryRow
  /** The frame that is to be drawn again: its picture is kept as a past one. */
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
  const own = and(eq(idempotencyKeys.apiKeyId, apiKeyId), eq(idempotencyKeys.key, once?.key ?? ''))
  const fresh = and(own, eq(idempotencyKeys.createdAt, now), eq(idempotencyKeys.resourceId, id))
  const ours = once && exists(db.select({ key: idempotencyKeys.key }).from(idempotencyKeys).where(fresh))
  const due = and(asRead, ours)
  const isDue = exists(db.select({ id: stories.id }).from(stories).where(due))
  const drawn = (table: typeof frames) => and(eq(table.storyId, id), eq(table.index, redraw ?? -1), isDue)
  const { request, frameCount, startBy, finishBy, maxAttempts, resumes, storyboard, consistency, consistencySheet } =
    next
  const remembered = db
    .select({
      apiKeyId: stories.apiKeyId,
      key: sql<string>`${once?.key ?? ''}`.as('key'),
      fingerprint: sql<string>`${once?.fingerprint ?? ''}`.as('fingerprint'),
      resourceId: stories.id,
      answer: sql<IdempotencyRow['answer']>`${JSON.stringify(once?.answer ?? null)}`.as('answer'),
      createdAt: sql<number>`${now}`.as('created_at'),
    })
    .from(stories)
    .where(and(asRead, sql`${Number(once !== undefined)}`))
  const [, , , , reopened, [earlier]] = await db.batch([
    db.delete(idempotencyKeys).where(and(own, lte(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))),
    db.insert(idempotencyKeys).select(remembered).onConflictDoNothing(),
    db.insert(pastFrames).select(db.select().from(frames).where(drawn(frames))),
    db.delete(frames).where(drawn(frames)),
    db
      .update(stories)
      .set({
        ...requeued(now),
        ...{ request, frameCount, startBy, finishBy, maxAttempts, resumes, storyboard },
        ...{ consistency, consistencySheet },
        version: next.version,
      })
      .where(due)
      .returning({ id: stories.id }),
    db
      .select()
      .from(idempotencyKeys)
      .where(and(own, gt(idempotencyKeys.createdAt, now - REMEMBER_KEY_MS))),
  ])
  if (reopened.length > 0) return 'reopened'
  return earlier ?? 'changed'
}
