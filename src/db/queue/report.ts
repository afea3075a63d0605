/** What runners report about the stories they hold: their events, each of which takes effect once. */
import { and, lt, sql } from 'drizzle-orm'
import type { Progress, StoryError } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { blame } from '../runners/blame.ts'
import { stories } from '../schema/stories.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'
import { type EventOrigin, remember } from './messages.ts'
import {
  avoidHolder,
  begin,
  cancelRequested,
  end,
  exhausted,
  heldBy,
  nextVersion,
  notCanceled,
  pauseMs,
  ranTooLong,
  requeue,
} from './transitions.ts'

/** The runner has begun. The app is notified once, however many attempts there are. */
export async function markStarted(db: Db, event: EventOrigin): Promise<boolean> {
  const held = heldBy(event.storyId, event.leaseToken)
  const [seen] = await db.batch([
    remember(db, event, held),
    begin(db, held, event.now),
    enqueueWebhook(db, 'story.started', held, event.now),
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
    enqueueWebhook(db, 'story.progress', held, event.now, sql`'_' || (${stories.version} + 1)`),
    db.update(stories).set({ progress, eventSequence: event.sequence, version: nextVersion }).where(held),
  ])
  return seen.length > 0
}

/** The code of a failure of which it is not known whose fault it was. */
const NOT_FINITE = 'not_finite'

/**
 * The attempt failed. When the fault was the machine's, the story is queued again while attempts are left, after
 * `pauseMs(random)`. A result that is not finite is tried on a second runner: if it overflows
 * there too, the fault is the story's.
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
  const unsure = error.code === NOT_FINITE
  const again = unsure ? sql`coalesce(${stories.error} ->> 'code' = ${NOT_FINITE}, FALSE)` : sql`FALSE`
  const left = retryable ? sql`(${stories.attempt} < ${stories.maxAttempts} AND NOT ${again})` : sql`FALSE`
  const retried = and(held, notCanceled, left)
  const failed = and(held, notCanceled, sql`NOT ${left}`)
  const { now } = event
  const ending = retryable ? exhausted(sql`${error.message}`) : sql`${JSON.stringify(error)}`
  const [seen] = await db.batch([
    remember(db, event, held),
    begin(db, held, now),
    ...blame(db, held, now),
    enqueueWebhook(db, 'story.canceled', canceled, now),
    enqueueWebhook(db, 'story.failed', failed, now),
    db
      .update(stories)
      .set(end('canceled', now, 'canceled'))
      .where(canceled),
    db
      .update(stories)
      .set({
        ...end('failed', now, 'failed'),
        error: sql`iif(${again}, ${JSON.stringify({ ...error, code: 'invalid_story' })}, ${ending})`,
        deadLetter: retryable ? sql`NOT ${again}` : false,
      })
      .where(failed),
    db
      .update(stories)
      .set({ ...requeue(now, 'failed', sql`${now} + ${pauseMs(random)}`), ...(unsure && avoidHolder(now)), error })
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
    enqueueWebhook(db, 'story.canceled', canceled, now),
    enqueueWebhook(db, 'story.failed', overtime, now),
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
