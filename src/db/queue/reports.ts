/** What runners report about the stories they hold: their events, each of which takes effect once. */
import { and, eq, lt, type SQL, sql } from 'drizzle-orm'
import type { Progress, StoryError } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { frames, stories } from '../schema/stories.ts'
import { runnerMessages } from '../schema/webhooks.ts'
import { owe } from '../webhooks/deliveries.ts'
import {
  begin,
  cancelRequested,
  end,
  exhausted,
  heldBy,
  isRunning,
  nextVersion,
  notCanceled,
  ranTooLong,
  requeue,
} from './leases.ts'

/** What identifies an event of a runner, and when it came. */
export interface EventOrigin {
  messageId: string
  storyId: string
  leaseToken: string
  sequence: number
  now: number
}

/** The runner has begun. Told to the app once, however many attempts there are. */
export async function markStarted(db: Db, event: EventOrigin): Promise<boolean> {
  const held = heldBy(event.storyId, event.leaseToken)
  const [seen] = await db.batch([
    remember(db, event, held),
    begin(db, held, event.now),
    owe(db, 'story.started', held, event.now),
    db
      .update(stories)
      .set({ eventSequence: sql`max(${stories.eventSequence}, ${event.sequence})` })
      .where(held),
  ])
  return seen.length > 0
}

/** Show how far the runner is, unless a later event has been here before. False when there was nothing to change. */
export async function markProgress(db: Db, event: EventOrigin, progress: Progress): Promise<boolean> {
  const held = and(heldBy(event.storyId, event.leaseToken), lt(stories.eventSequence, event.sequence))
  const [seen] = await db.batch([
    remember(db, event, held),
    begin(db, held, event.now),
    owe(db, 'story.progress', held, event.now, sql`'_' || (${stories.version} + 1)`),
    db.update(stories).set({ progress, eventSequence: event.sequence, version: nextVersion }).where(held),
  ])
  return seen.length > 0
}

export type Completion = Pick<EventOrigin, 'messageId' | 'storyId' | 'leaseToken'>

/**
 * Stories are done, those of which every frame is there. One that was canceled meanwhile ends as canceled. Answers the
 * message ids of the events that took effect.
 */
export async function complete(db: Db, events: Completion[], now: number): Promise<Set<string>> {
  const [done, canceled] = await db.batch(completing(db, events, now))
  return new Set([...done, ...canceled].map(({ id }) => id))
}

/** What `complete` does, for a batch; its first two statements answer the message ids that took effect. */
export function completing(db: Db, events: Completion[], now: number) {
  // By what is looked up, since a search through all of them for each story would cost the square of their number.
  const messageIds = JSON.stringify(
    Object.fromEntries(events.map((event) => [`${event.storyId}_${event.leaseToken}`, event.messageId])),
  )
  // Null unless the very story was lent under the token.
  const messageId = sql`(${messageIds} ->> (${stories.id} || '_' || ${stories.leaseToken}))`
  const tokens = JSON.stringify(events.map((event) => event.leaseToken))
  const lent = sql`${stories.leaseToken} IN (SELECT value FROM json_each(${tokens}))`
  const held = and(isRunning, lent, sql`${messageId} IS NOT NULL`)
  const stored = sql`(SELECT count(*) FROM ${frames} WHERE ${frames.storyId} = ${stories.id})`
  const done = and(held, notCanceled, sql`${stored} = ${stories.frameCount}`)
  const canceled = and(held, cancelRequested)
  return [
    rememberAs(db, messageId, now, done),
    rememberAs(db, messageId, now, canceled),
    begin(db, held, now),
    owe(db, 'story.completed', done, now),
    owe(db, 'story.canceled', canceled, now),
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

/**
 * The attempt failed. When the fault was the machine's, the story is queued again while attempts are left, after a
 * pause of up to 2^attempt seconds (full jitter: `random` in [0, 1)).
 */
export async function fail(
  db: Db,
  event: EventOrigin,
  error: StoryError,
  retryable: boolean,
  random: number,
): Promise<boolean> {
  const held = heldBy(event.storyId, event.leaseToken)
  const canceled = and(held, cancelRequested)
  const left = retryable ? lt(stories.attempt, stories.maxAttempts) : sql`FALSE`
  const retried = and(held, notCanceled, left)
  const failed = and(held, notCanceled, sql`NOT ${left}`)
  const pause = sql`CAST(${random * 1000} * (1 << ${stories.attempt}) AS INTEGER)`
  const { now } = event
  const [seen] = await db.batch([
    remember(db, event, held),
    begin(db, held, now),
    owe(db, 'story.canceled', canceled, now),
    owe(db, 'story.failed', failed, now),
    db
      .update(stories)
      .set(end('canceled', now, 'canceled'))
      .where(canceled),
    db
      .update(stories)
      .set({
        ...end('failed', now, 'failed'),
        error: retryable ? exhausted(sql`${error.message}`) : error,
        deadLetter: retryable,
      })
      .where(failed),
    db
      .update(stories)
      .set({ ...requeue(now, 'failed', sql`${now} + ${pause}`), error })
      .where(retried),
  ])
  return seen.length > 0
}

/**
 * The runner has stopped, because the story was canceled or ran for too long. False when neither is the case, or the
 * lease is stale.
 */
export async function confirmStop(db: Db, event: EventOrigin): Promise<boolean> {
  const held = heldBy(event.storyId, event.leaseToken)
  const { now } = event
  const canceled = and(held, cancelRequested)
  const overtime = and(held, notCanceled, sql`${stories.runBy} <= ${now}`)
  const [seenCanceled, seenOvertime] = await db.batch([
    remember(db, event, canceled),
    remember(db, event, overtime),
    owe(db, 'story.canceled', canceled, now),
    owe(db, 'story.failed', overtime, now),
    db
      .update(stories)
      .set(end('canceled', now, 'canceled'))
      .where(canceled),
    db
      .update(stories)
      .set({ ...end('failed', now, 'timed_out'), error: ranTooLong })
      .where(overtime),
  ])
  return seenCanceled.length + seenOvertime.length > 0
}

export async function isSeen(db: Db, messageId: string): Promise<boolean> {
  const [message] = await db.select().from(runnerMessages).where(eq(runnerMessages.id, messageId))
  return message !== undefined
}

export async function forgetMessages(db: Db, before: number): Promise<void> {
  await db.delete(runnerMessages).where(lt(runnerMessages.receivedAt, before))
}

const remember = (db: Db, { messageId, now }: EventOrigin, where: SQL | undefined) =>
  rememberAs(db, sql`${messageId}`, now, where)

/** Remembers a message only where it takes effect, so that one that came too early can come again. */
function rememberAs(db: Db, messageId: SQL, now: number, where: SQL | undefined) {
  const row = db
    .select({
      id: sql<string>`${messageId}`.as('id'),
      storyId: stories.id,
      receivedAt: sql<number>`${now}`.as('received_at'),
    })
    .from(stories)
    .where(where)
  return db.insert(runnerMessages).select(row).onConflictDoNothing().returning({ id: runnerMessages.id })
}
