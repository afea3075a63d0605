/**
 * The queue: what runners do to rows of `stories`. Every change is one statement or one batch, because D1 has no
 * interactive transactions; every write of a runner is fenced by the token of its lease.
 */
import { and, asc, eq, inArray, isNull, lt, lte, type SQL, sql } from 'drizzle-orm'
import type { Progress, StoryError, StoryStatus } from '../../contract/story.ts'
import type { Db } from './client.ts'
import { owe } from './deliveries.ts'
import { frames, runnerMessages, type StoredPicture, type StoryRow, stories } from './schema.ts'

/** Fields of a story that nobody holds any more. */
const unheld = { leaseToken: null, runner: null }
const ended = { ...unheld, claimableAt: null }
const nextVersion = sql`${stories.version} + 1`
// A literal, not a parameter: the planner takes a partial index only when it can see that the query fits it.
const running = sql`${stories.status} = 'running'`
const cancelRequested = eq(stories.cancelRequested, true)
const notCanceled = eq(stories.cancelRequested, false)

/** The fence: the story is lent, under this very token. */
export const heldBy = (id: string, leaseToken: string) =>
  and(eq(stories.id, id), eq(stories.leaseToken, leaseToken), running)

/**
 * Lend the first ready story of `model` to `runner` until `now + leaseMs`; undefined when nothing is ready.
 *
 * One statement: the sub-select picks and the update takes, so an attempt has one holder. Ready is a queued story that
 * is due, and just as well a running one whose lease is over.
 */
export async function claim(
  db: Db,
  { model, runner, leaseToken, leaseMs }: { model: string; runner: string; leaseToken: string; leaseMs: number },
  now: number,
): Promise<StoryRow | undefined> {
  const ready = db
    .select({ id: stories.id })
    .from(stories)
    .where(
      and(
        eq(stories.model, model),
        lte(stories.claimableAt, now),
        lt(stories.attempt, stories.maxAttempts),
        notCanceled,
      ),
    )
    .orderBy(asc(stories.priority), asc(stories.claimableAt))
    .limit(1)
  const [story] = await db
    .update(stories)
    .set({
      status: 'running',
      attempt: sql`${stories.attempt} + 1`,
      leaseToken,
      runner,
      claimableAt: now + leaseMs,
      eventSequence: 0,
      progress: null,
      startedAt: sql`coalesce(${stories.startedAt}, ${now})`,
      version: nextVersion,
    })
    .where(inArray(stories.id, ready))
    .returning()
  return story
}

/**
 * End what no runner will: stories whose lease is over and that were canceled or have used up their attempts. Answers
 * their ids.
 */
export async function sweep(db: Db, now: number): Promise<string[]> {
  const lost = and(running, lte(stories.claimableAt, now))
  const canceled = and(lost, cancelRequested)
  const exhausted = and(lost, notCanceled, sql`${stories.attempt} >= ${stories.maxAttempts}`)
  const [, , ...ended] = await db.batch([
    owe(db, 'story.canceled', canceled, now),
    owe(db, 'story.failed', exhausted, now),
    db.update(stories).set(end('canceled', now)).where(canceled).returning({ id: stories.id }),
    db
      .update(stories)
      .set({ ...end('failed', now), error: exhaustedError('the runner stopped reporting') })
      .where(exhausted)
      .returning({ id: stories.id }),
  ])
  return ended.flat().map(({ id }) => id)
}

/** Move the end of a lease to `now + leaseMs`; undefined when it is stale. */
export async function heartbeat(db: Db, id: string, leaseToken: string, leaseMs: number, now: number) {
  const [held] = await db
    .update(stories)
    .set({ claimableAt: now + leaseMs })
    .where(heldBy(id, leaseToken))
    .returning({ cancel: stories.cancelRequested })
  return held
}

/** Hand a story back unfinished: queued again at once, without counting the attempt. Answers where that left it; undefined when stale. */
export async function release(db: Db, id: string, leaseToken: string, now: number): Promise<StoryStatus | undefined> {
  const held = heldBy(id, leaseToken)
  const [, canceled, queued] = await db.batch([
    owe(db, 'story.canceled', and(held, cancelRequested), now),
    db.update(stories).set(end('canceled', now)).where(and(held, cancelRequested)).returning({ id: stories.id }),
    db
      .update(stories)
      .set({ ...requeue(now), maxAttempts: sql`${stories.maxAttempts} + 1` })
      .where(held)
      .returning({ id: stories.id }),
  ])
  return canceled.length > 0 ? 'canceled' : queued.length > 0 ? 'queued' : undefined
}

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
    owe(db, 'story.progress', held, event.now, sql`'_' || (${stories.version} + 1)`),
    db.update(stories).set({ progress, eventSequence: event.sequence, version: nextVersion }).where(held),
  ])
  return seen.length > 0
}

/** The story is done, if every frame is there. One that was canceled meanwhile ends as canceled. */
export async function complete(db: Db, event: EventOrigin): Promise<boolean> {
  const held = heldBy(event.storyId, event.leaseToken)
  const stored = sql`(SELECT count(*) FROM ${frames} WHERE ${frames.storyId} = ${stories.id})`
  const done = and(held, notCanceled, sql`${stored} = ${stories.frameCount}`)
  const canceled = and(held, cancelRequested)
  const [seenDone, seenCanceled] = await db.batch([
    remember(db, event, done),
    remember(db, event, canceled),
    owe(db, 'story.completed', done, event.now),
    owe(db, 'story.canceled', canceled, event.now),
    db
      .update(stories)
      .set({ ...end('succeeded', event.now), error: null })
      .where(done),
    db.update(stories).set(end('canceled', event.now)).where(canceled),
  ])
  return seenDone.length + seenCanceled.length > 0
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
  const [seen] = await db.batch([
    remember(db, event, held),
    owe(db, 'story.canceled', canceled, event.now),
    owe(db, 'story.failed', failed, event.now),
    db.update(stories).set(end('canceled', event.now)).where(canceled),
    db
      .update(stories)
      .set({ ...end('failed', event.now), error: retryable ? exhaustedError(error.message) : error })
      .where(failed),
    db
      .update(stories)
      .set({ ...requeue(sql`${event.now} + ${pause}`), error })
      .where(retried),
  ])
  return seen.length > 0
}

/** The runner has stopped, because the story was canceled. False when nobody canceled it, or the lease is stale. */
export async function confirmCancel(db: Db, event: EventOrigin): Promise<boolean> {
  const canceled = and(heldBy(event.storyId, event.leaseToken), cancelRequested)
  const [seen] = await db.batch([
    remember(db, event, canceled),
    owe(db, 'story.canceled', canceled, event.now),
    db.update(stories).set(end('canceled', event.now)).where(canceled),
  ])
  return seen.length > 0
}

/** Keep the page of all frames; one that is there stays. Undefined when the lease is stale. */
export async function keepStoryboard(db: Db, id: string, leaseToken: string, storyboard: StoredPicture) {
  const held = heldBy(id, leaseToken)
  const [, after] = await db.batch([
    db
      .update(stories)
      .set({ storyboard, version: nextVersion })
      .where(and(held, isNull(stories.storyboard))),
    db.select({ storyboard: stories.storyboard }).from(stories).where(held),
  ])
  return after[0]?.storyboard ?? undefined
}

/** How a story stands for the runner that shows `leaseToken`. */
export async function leaseStateOf(db: Db, id: string, leaseToken: string) {
  const story = await db
    .select({
      status: stories.status,
      cancel: stories.cancelRequested,
      frameCount: stories.frameCount,
      held: sql<number>`${heldBy(id, leaseToken)}`,
    })
    .from(stories)
    .where(eq(stories.id, id))
    .get()
  return story && { ...story, held: story.held === 1 }
}

export async function isSeen(db: Db, messageId: string): Promise<boolean> {
  const [message] = await db.select().from(runnerMessages).where(eq(runnerMessages.id, messageId))
  return message !== undefined
}

export async function forgetMessages(db: Db, before: number): Promise<void> {
  await db.delete(runnerMessages).where(lt(runnerMessages.receivedAt, before))
}

/** Remembers a message only where it takes effect, so that one that came too early can come again. */
function remember(db: Db, { messageId, now }: EventOrigin, where: SQL | undefined) {
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

const end = (status: StoryStatus, now: number) => ({ ...ended, status, completedAt: now, version: nextVersion })
const requeue = (claimableAt: number | SQL) => ({
  ...unheld,
  status: 'queued' as const,
  claimableAt,
  progress: null,
  version: nextVersion,
})

const exhaustedError = (last: string) =>
  sql`json_object('code', 'attempts_exhausted', 'message', 'gave up after attempt ' || ${stories.attempt} || ': ' || ${last})`
