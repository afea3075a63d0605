/** Completions: one that a runner reports as an event, or many in one request. */
import { and, inArray, type SQL, sql } from 'drizzle-orm'
import type { CompletionOutcome } from '../../../contract/runner.ts'
import type { StoryStatus } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { forgive } from '../runners/blame.ts'
import { frames, stories } from '../schema/stories.ts'
import { runnerMessages } from '../schema/webhooks.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'
import { type EventOrigin, rememberAs } from './messages.ts'
import { begin, cancelRequested, end, isRunning, notCanceled } from './transitions.ts'

export type Completion = Pick<EventOrigin, 'messageId' | 'storyId' | 'leaseToken'>

/**
 * Stories are done, those of which every frame is there. One that was canceled meanwhile ends as canceled. Answers the
 * message ids of the events that took effect.
 */
export async function complete(db: Db, events: Completion[], now: number): Promise<Set<string>> {
  const [done, canceled] = await db.batch(completing(db, events, now))
  return new Set([...done, ...canceled].map(({ id }) => id))
}

/** The statements of `complete`. The first two statements answer the message ids that took effect. */
function completing(db: Db, events: Completion[], now: number) {
  // By what is looked up, since a search through all of them for each story would cost the square of their number.
  const messageIds = JSON.stringify(
    Object.fromEntries(events.map((event) => [`${event.storyId}_${event.leaseToken}`, event.messageId])),
  )
  // Null unless the very story was claimed under the token.
  const messageId = sql`(${messageIds} ->> (${stories.id} || '_' || ${stories.leaseToken}))`
  const tokens = JSON.stringify(events.map((event) => event.leaseToken))
  const claimed = sql`${stories.leaseToken} IN (SELECT value FROM json_each(${tokens}))`
  const held = and(isRunning, claimed, sql`${messageId} IS NOT NULL`)
  const stored = sql`(SELECT count(*) FROM ${frames} WHERE ${frames.storyId} = ${stories.id})`
  const done = and(held, notCanceled, sql`${stored} = ${stories.frameCount}`)
  const canceled = and(held, cancelRequested)
  return [
    rememberAs(db, messageId, now, done),
    rememberAs(db, messageId, now, canceled),
    begin(db, held, now),
    forgive(db, done),
    enqueueWebhook(db, 'story.completed', done, now),
    enqueueWebhook(db, 'story.canceled', canceled, now),
    db
      .update(stories)
      .set({ ...end('succeeded', now, 'succeeded'), error: null })
      .where(done),
    db
      .update(stories)
      .set(end('canceled', now, 'canceled'))
      .where(canceled),
  ] as const
}

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

/** `complete`, and the states of the stories after it. One trip, however many they are. */
export async function completeAll(db: Db, held: HeldStory[], now: number): Promise<CompletedStory[]> {
  const events = held.map((lease) => ({ ...lease, messageId: messageIdOf(lease) }))
  const listed = (values: string[]): SQL => sql`(SELECT value FROM json_each(${JSON.stringify(values)}))`
  const [done, canceled, , , , , , , seen, found] = await db.batch([
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
      // What is held and did not take effect lacks frames: there is no other reason.
      return story.lease === leaseToken ? 'frames-missing' : 'stale-lease'
    }
  })
}
