/** Taking a story up again after it ended without success: finished frames stay, the rest is generated. */
import { and, eq, inArray, isNull, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { DEFAULT_ATTEMPTS, stories } from '../schema/stories.ts'
import { nextVersion } from './transitions.ts'

/** Fields of a story that is queued once more after its end, besides those that count. */
export const requeued = (now: number) => ({
  status: 'queued' as const,
  ready: true,
  claimableAt: now,
  unstarted: 0,
  finishBy: null,
  cancelRequested: false,
  deadLetter: false,
  error: null,
  progress: null,
  startedAt: null,
  completedAt: null,
})

/** Every webhook about the story shows it as it was: none has yet to get its body (`freezeMessages`). */
export const isFrozen = (id: string) =>
  sql`NOT EXISTS (SELECT 1 FROM webhook_deliveries WHERE story_id = ${id} AND body IS NULL)`

/**
 * Queue a story again that has failed, was canceled or has expired, with all its attempts and its deadline for starting
 * anew; a moment at which it had to be over no longer counts. False when it is in another state, its content was
 * removed, or a webhook about it has no body yet, which has to show the story as it was.
 *
 * @param whose of one API key, or dead letters of any.
 */
export async function resume(
  db: Db,
  id: string,
  whose: { apiKeyId: string } | { deadLetter: true },
  now: number,
): Promise<boolean> {
  const its = 'apiKeyId' in whose ? eq(stories.apiKeyId, whose.apiKeyId) : eq(stories.deadLetter, true)
  const resumed = await db
    .update(stories)
    .set({
      ...requeued(now),
      maxAttempts: sql`${stories.attempt} + ${DEFAULT_ATTEMPTS}`,
      startBy: sql`${now} + ${stories.startWithinMs}`,
      resumes: sql`${stories.resumes} + 1`,
      version: nextVersion,
    })
    .where(
      and(
        eq(stories.id, id),
        its,
        inArray(stories.status, ['failed', 'canceled', 'expired']),
        isNull(stories.dataRemovedAt),
        isFrozen(id),
      ),
    )
    .returning({ id: stories.id })
  return resumed.length > 0
}
