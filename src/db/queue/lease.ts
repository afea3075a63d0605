/**
 * Leases: what the holder of a story does to it, besides reporting. Every change is one statement or one batch, because
 * D1 has no interactive transactions; every write of a runner is fenced by the token of its lease.
 */
import { and, eq, sql } from 'drizzle-orm'
import type { ReleaseReason } from '../../../contract/runner.ts'
import type { StoryStatus } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { blame } from '../runners/blame.ts'
import { stories } from '../schema/stories.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'
import { avoidHolder, cancelRequested, end, hasNotStarted, heldBy, requeue } from './transitions.ts'

/**
 * Move the end of a lease to `now + leaseMs`, but not past the time that the attempt may take. Undefined when it is
 * stale; `stop` once the attempt is to end.
 */
export async function extendLease(db: Db, id: string, leaseToken: string, leaseMs: number, now: number) {
  const [held] = await db
    .update(stories)
    .set({ claimableAt: sql`min(${now + leaseMs}, coalesce(${stories.runBy}, 9e15))` })
    .where(heldBy(id, leaseToken))
    .returning({ cancel: stories.cancelRequested, leaseUntil: stories.claimableAt, runBy: stories.runBy })
  if (!held) return undefined
  return { leaseUntil: held.leaseUntil ?? now, stop: held.cancel || now >= (held.runBy ?? Number.POSITIVE_INFINITY) }
}

/**
 * Hand a story back unfinished: ready again at once, without counting the attempt. Answers where that left it; undefined
 * when stale. Unless the runner only stops, the story keeps away from it for a while; one that is broken is blamed.
 */
export async function releaseLease(
  db: Db,
  id: string,
  leaseToken: string,
  now: number,
  reason: ReleaseReason = 'stopping',
): Promise<StoryStatus | undefined> {
  const held = heldBy(id, leaseToken)
  const blamed = reason === 'broken' ? held : sql`FALSE`
  const [, , , canceled, queued] = await db.batch([
    ...blame(db, blamed, now),
    enqueueWebhook(db, 'story.canceled', and(held, cancelRequested), now),
    db
      .update(stories)
      .set(end('canceled', now, 'released'))
      .where(and(held, cancelRequested))
      .returning({ id: stories.id }),
    db
      .update(stories)
      .set({
        ...requeue(now, 'released'),
        ...(reason !== 'stopping' && avoidHolder(now)),
        ready: true,
        unstarted: 0,
        maxAttempts: sql`${stories.maxAttempts} + (NOT ${hasNotStarted})`,
      })
      .where(held)
      .returning({ id: stories.id }),
  ])
  return canceled.length > 0 ? 'canceled' : queued.length > 0 ? 'queued' : undefined
}

/** The state of a story for the runner that presents `leaseToken`. */
export async function leaseStateOf(db: Db, id: string, leaseToken: string) {
  const story = await leaseStateQuery(db, id, leaseToken).get()
  return story && { ...story, held: story.held === 1 }
}

export const leaseStateQuery = (db: Db, id: string, leaseToken: string) =>
  db
    .select({
      status: stories.status,
      cancel: stories.cancelRequested,
      frameCount: stories.frameCount,
      apiKeyId: stories.apiKeyId,
      held: sql<number>`coalesce(${heldBy(id, leaseToken)}, 0)`,
    })
    .from(stories)
    .where(eq(stories.id, id))
