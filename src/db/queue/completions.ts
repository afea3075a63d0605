/** Many completions in one request. Each is remembered under the token of its lease, so a repeat is known as one. */
import { inArray, type SQL, sql } from 'drizzle-orm'
import type { CompletionOutcome } from '../../../contract/runner.ts'
import type { StoryStatus } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { runnerMessages } from '../schema/webhooks.ts'
import { isRunning } from './leases.ts'
import { completing } from './reports.ts'

export interface HeldStory {
  storyId: string
  leaseToken: string
}

/** What became of each, in their order; `status` is null where there is no such story. */
export interface CompletedStory extends HeldStory {
  outcome: CompletionOutcome
  status: StoryStatus | null
}

const messageIdOf = ({ storyId, leaseToken }: HeldStory) => `done_${storyId}_${leaseToken}`

/** `complete`, and how the stories stand after it. One trip, however many they are. */
export async function completeAll(db: Db, held: HeldStory[], now: number): Promise<CompletedStory[]> {
  const events = held.map((lease) => ({ ...lease, messageId: messageIdOf(lease) }))
  const listed = (values: string[]): SQL => sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`
  const [done, canceled, , , , , , seen, found] = await db.batch([
    ...completing(db, events, now),
    db
      .select({ id: runnerMessages.id })
      .from(runnerMessages)
      .where(inArray(runnerMessages.id, listed(events.map(({ messageId }) => messageId)))),
    db
      .select({
        id: stories.id,
        status: stories.status,
        lease: sql<string | null>`iif(${isRunning}, ${stories.leaseToken}, NULL)`,
      })
      .from(stories)
      .where(inArray(stories.id, listed(held.map(({ storyId }) => storyId)))),
  ])
  const changed = new Set([...done, ...canceled].map(({ id }) => id))
  const remembered = new Set(seen.map(({ id }) => id))
  const byId = new Map(found.map((story) => [story.id, story]))
  return events.map(({ messageId, storyId, leaseToken }) => {
    const story = byId.get(storyId)
    const outcome = outcomeOf()
    return { storyId, leaseToken, outcome, status: story?.status ?? null }

    function outcomeOf(): CompletionOutcome {
      if (!story) return 'not-found'
      if (changed.has(messageId)) return 'completed'
      if (remembered.has(messageId)) return 'duplicate'
      // What is held and did not take effect lacks frames: nothing else stands between the two.
      return story.lease === leaseToken ? 'frames-missing' : 'stale-lease'
    }
  })
}
