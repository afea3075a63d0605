/**
 * Leases: what the holder of a story does to it, besides reporting. Every change is one statement or one batch, because
 * D1 has no interactive transactions; every write of a runner is fenced by the token of its lease.
 */
import { and, eq, isNull, type SQL, sql } from 'drizzle-orm'
import type { ConsistencyReport } from '../../../contract/consistency.ts'
import type { AttemptOutcome, StoryStatus } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { type StoredBank, type StoredPicture, stories } from '../schema/stories.ts'
import { owe } from '../webhooks/deliveries.ts'

export const nextVersion = sql`${stories.version} + 1`
// A literal, not a parameter: the planner takes a partial index only when it can see that the query fits it.
export const isRunning = sql`${stories.status} = 'running'`
export const cancelRequested = eq(stories.cancelRequested, true)
export const notCanceled = eq(stories.cancelRequested, false)
/** Whether the runner that holds the story has begun. */
export const isIdle = sql`(${stories.attemptStartedAt} IS NULL)`

/** Earlier claims that a story remembers. */
const REMEMBERED_ATTEMPTS = 20

/** The fence: the story is lent, under this very token. */
export const heldBy = (id: string, leaseToken: string) =>
  and(eq(stories.id, id), eq(stories.leaseToken, leaseToken), isRunning)

/**
 * Move the end of a lease to `now + leaseMs`, but not past the time that the attempt may take. Undefined when it is
 * stale; `stop` once the attempt is wanted no more.
 */
export async function heartbeat(db: Db, id: string, leaseToken: string, leaseMs: number, now: number) {
  const [held] = await db
    .update(stories)
    .set({ claimableAt: sql`min(${now + leaseMs}, coalesce(${stories.runBy}, 9e15))` })
    .where(heldBy(id, leaseToken))
    .returning({ cancel: stories.cancelRequested, leaseUntil: stories.claimableAt, runBy: stories.runBy })
  if (!held) return undefined
  return { leaseUntil: held.leaseUntil ?? now, stop: held.cancel || now >= (held.runBy ?? Number.POSITIVE_INFINITY) }
}

/** Hand a story back unfinished: ready again at once, without counting the attempt. Answers where that left it; undefined when stale. */
export async function release(db: Db, id: string, leaseToken: string, now: number): Promise<StoryStatus | undefined> {
  const held = heldBy(id, leaseToken)
  const [, canceled, queued] = await db.batch([
    owe(db, 'story.canceled', and(held, cancelRequested), now),
    db
      .update(stories)
      .set(end('canceled', now, 'released'))
      .where(and(held, cancelRequested))
      .returning({ id: stories.id }),
    db
      .update(stories)
      .set({
        ...requeue(now, 'released'),
        ready: true,
        unstarted: 0,
        maxAttempts: sql`${stories.maxAttempts} + (NOT ${isIdle})`,
      })
      .where(held)
      .returning({ id: stories.id }),
  ])
  return canceled.length > 0 ? 'canceled' : queued.length > 0 ? 'queued' : undefined
}

/** Whatever a runner reports, it has begun: from here on the attempt counts. To be batched ahead of what it reports. */
export function begin(db: Db, held: SQL | undefined, now: number) {
  return db
    .update(stories)
    .set({
      attempt: sql`${stories.attempt} + 1`,
      attemptStartedAt: now,
      startedAt: sql`coalesce(${stories.startedAt}, ${now})`,
      startBy: null,
      unstarted: 0,
      version: nextVersion,
    })
    .where(and(held, isIdle))
}

/** Keep a page that shows all frames; one that is there stays. Undefined when the lease is stale. */
export async function keepPage(
  db: Db,
  id: string,
  leaseToken: string,
  page: 'storyboard' | 'consistencySheet',
  picture: StoredPicture,
) {
  const held = heldBy(id, leaseToken)
  const [, after] = await db.batch([
    db
      .update(stories)
      .set({ [page]: picture, version: nextVersion })
      .where(and(held, isNull(stories[page]))),
    db.select({ kept: stories[page] }).from(stories).where(held),
  ])
  return after[0]?.kept ?? undefined
}

/** Keep what the runner says of the story; an earlier word stays. False when the lease is stale. */
export async function keepReport(db: Db, id: string, leaseToken: string, report: ConsistencyReport): Promise<boolean> {
  const held = heldBy(id, leaseToken)
  const [, after] = await db.batch([
    db
      .update(stories)
      .set({ consistency: report, version: nextVersion })
      .where(and(held, isNull(stories.consistency))),
    db.select({ id: stories.id }).from(stories).where(held),
  ])
  return after.length > 0
}

/** Keep the character bank, in place of an earlier one. False when the lease is stale. */
export async function keepBank(db: Db, id: string, leaseToken: string, bank: StoredBank): Promise<boolean> {
  const kept = await db
    .update(stories)
    .set({ bank, version: nextVersion })
    .where(heldBy(id, leaseToken))
    .returning({ id: stories.id })
  return kept.length > 0
}

/** How a story stands for the runner that shows `leaseToken`. */
export async function leaseStateOf(db: Db, id: string, leaseToken: string) {
  const story = await db
    .select({
      status: stories.status,
      cancel: stories.cancelRequested,
      frameCount: stories.frameCount,
      apiKeyId: stories.apiKeyId,
      held: sql<number>`coalesce(${heldBy(id, leaseToken)}, 0)`,
    })
    .from(stories)
    .where(eq(stories.id, id))
    .get()
  return story && { ...story, held: story.held === 1 }
}

/** Fields of a story that nobody holds any more. What became of its claim is remembered, if there was one. */
const unheld = (now: number, outcome: AttemptOutcome | SQL | undefined) => ({
  leaseToken: null,
  runner: null,
  claimedAt: null,
  attemptStartedAt: null,
  runBy: null,
  version: nextVersion,
  ...(outcome && {
    attempts: sql`json_insert(
      iif(json_array_length(${stories.attempts}) < ${REMEMBERED_ATTEMPTS}, ${stories.attempts}, json_remove(${stories.attempts}, '$[0]')),
      '$[#]', json_object('number', iif(${isIdle}, NULL, ${stories.attempt}), 'runner', ${stories.runner},
        'claimedAt', ${stories.claimedAt}, 'startedAt', ${stories.attemptStartedAt}, 'endedAt', ${now}, 'outcome', ${outcome}))`,
  }),
})

/** Fields of a story that has ended. `outcome` is that of the claim under way; without one it was not lent. */
export const end = (status: StoryStatus, now: number, outcome?: AttemptOutcome | SQL) => ({
  ...unheld(now, outcome),
  status,
  ready: false,
  claimableAt: null,
  startBy: null,
  completedAt: now,
})

/** Fields of a story that waits for another runner: ready at once, or only at `readyAt`. */
export const requeue = (now: number, outcome: AttemptOutcome | SQL, readyAt?: SQL) => ({
  ...unheld(now, outcome),
  status: 'queued' as const,
  ready: readyAt === undefined,
  claimableAt: readyAt ?? now,
  progress: null,
})

/** Gave up after the last attempt; `last` is what went wrong then. */
export const exhausted = (last: SQL) =>
  sql`json_object('code', 'attempts_exhausted', 'message', 'gave up after attempt ' || ${stories.attempt} || ': ' || ${last})`

export const ranTooLong = sql`json_object('code', 'run_timeout', 'message', 'stopped when its deadline for running had passed')`
