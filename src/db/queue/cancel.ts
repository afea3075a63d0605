/** Cancelling a story on behalf of its app. */
import { and, eq } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { findStory, ownedBy, type StoryWithFrames } from '../stories/stories.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'
import { end, nextVersion } from './transitions.ts'

/** End a queued story at once; ask the runner of a running one to stop; leave one that has ended as it is. */
export async function cancel(db: Db, id: string, apiKeyId: string, now: number): Promise<StoryWithFrames | undefined> {
  const queued = and(ownedBy(id, apiKeyId), eq(stories.status, 'queued'))
  const running = and(ownedBy(id, apiKeyId), eq(stories.status, 'running'), eq(stories.cancelRequested, false))
  const requested = { cancelRequested: true, version: nextVersion }
  await db.batch([
    enqueueWebhook(db, 'story.canceled', queued, now),
    db.update(stories).set(requested).where(running),
    db
      .update(stories)
      .set({ ...requested, ...end('canceled', now) })
      .where(queued),
  ])
  return findStory(db, id, apiKeyId)
}
