/**
 * The states of a story in the queue, as conditions, and the ways from one to another, as the columns that change. The
 * operations in this folder are made of these. Every write of a runner is fenced by the token of its lease.
 */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { AttemptOutcome, StoryStatus } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'

export const nextVersion = sql`${stories.version} + 1`
// A literal, not a parameter: the planner takes a partial index only when it can see that the query fits it.
export const isRunning = sql`${stories.status} = 'running'`
export const cancelRequested = eq(stories.cancelRequested, true)
export const notCanceled = eq(stories.cancelRequested, false)
/** Whether the runner that holds the story has begun. */
export const hasNotStarted = sql`(${stories.attemptStartedAt} IS NULL)`

/** Earlier claims that a story remembers. */
const REMEMBERED_ATTEMPTS = 20

/** The fence: the story is claimed, under this very token. */
export const heldBy = (id: string, leaseToken: string) =>
  and(eq(stories.id, id), eq(stories.leaseToken, leaseToken), isRunning)

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
    .where(and(held, hasNotStarted))
}

/** Fields of a story that no runner holds any more. The outcome of its claim is remembered, if there was one. */
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
      '$[#]', json_object('number', iif(${hasNotStarted}, NULL, ${stories.attempt}), 'runner', ${stories.runner},
        'claimedAt', ${stories.claimedAt}, 'startedAt', ${stories.attemptStartedAt}, 'endedAt', ${now}, 'outcome', ${outcome}))`,
  }),
})

/** Fields of a story that has ended. `outcome` is that of the claim under way; without one it was not claimed. */
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

/** The base of the pause before attempt n + 1 is 2^n seconds, for n up to this. */
const MAX_DOUBLINGS = 6
/** The longest pause before another attempt. */
export const LONGEST_PAUSE_MS = 1000 * 2 ** MAX_DOUBLINGS

/** The pause before another attempt: exponential backoff with full jitter, `random` in [0, 1). */
export const pauseMs = (random: number) =>
  sql`CAST(${random * 1000} * (1 << min(${stories.attempt}, ${MAX_DOUBLINGS})) AS INTEGER)`

/** How long a story keeps away from a runner that failed with it in a way that another may not. */
export const AVOID_MS = 2 * 60_000

/** Fields of a story that the runner which holds it is not to get again for a while. */
export const avoidHolder = (now: number) => ({ avoidRunner: sql`${stories.runner}`, avoidUntil: now + AVOID_MS })
