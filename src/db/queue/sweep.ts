/** What time does to stories: pauses and leases run out, deadlines pass. */
import { and, gt, lte, type SQL, sql } from 'drizzle-orm'
import { union } from 'drizzle-orm/sqlite-core'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'
import {
  cancelRequested,
  end,
  exhausted,
  hasNotStarted,
  isRunning,
  LONGEST_PAUSE_MS,
  nextVersion,
  notCanceled,
  ranTooLong,
  requeue,
} from './transitions.ts'

/** Stories whose time has come that one sweep takes on. */
const SWEEP_LIMIT = 100

/** Claims in a row of which nothing more was heard, after which the story is given up. */
export const MAX_UNSTARTED = 10

const neverStarted = sql`json_object('code', 'never_started', 'message',
  'gave up after ' || ${MAX_UNSTARTED} || ' claims by runners that did not report')`

/**
 * Do what is due to those of the stories `ids` to which it still applies. Answers the ids of those that changed.
 *
 * - A lease is over: the story is ready again at once, because leases end as spread out as they began. It ends if it
 *   was canceled, ran for too long, has used up its attempts, or was claimed too often without being started.
 * - A pause before another attempt is over: the story is ready.
 * - A story was not started in time: it ends as expired.
 */
export async function sweep(db: Db, ids: string[], now: number): Promise<string[]> {
  if (ids.length === 0) return []
  const these = sql`${stories.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
  const lost = and(these, isRunning, lte(stories.claimableAt, now))
  const queued = and(these, sql`${stories.status} = 'queued'`)
  const canceled = and(lost, cancelRequested)
  const overtime = sql`coalesce(${stories.runBy} <= ${now}, FALSE)`
  const ignored = sql`${hasNotStarted} AND ${stories.unstarted} + 1 >= ${MAX_UNSTARTED}`
  const spent = sql`NOT ${hasNotStarted} AND ${stories.attempt} >= ${stories.maxAttempts}`
  const failed = and(lost, notCanceled, sql`(${overtime} OR (${ignored}) OR (${spent}))`)
  const expired = and(queued, lte(stories.startBy, now))
  const outcome = sql`iif(${hasNotStarted}, 'not_started', 'lost')`
  const changed = { id: stories.id }
  const [, , , ...rows] = await db.batch([
    enqueueWebhook(db, 'story.canceled', canceled, now),
    enqueueWebhook(db, 'story.failed', failed, now),
    enqueueWebhook(db, 'story.expired', expired, now),
    db
      .update(stories)
      .set(end('canceled', now, outcome))
      .where(canceled)
      .returning(changed),
    db
      .update(stories)
      .set({
        ...end('failed', now, sql`iif(${overtime}, 'timed_out', ${outcome})`),
        error: sql`CASE WHEN ${overtime} THEN ${ranTooLong} WHEN ${hasNotStarted} THEN ${neverStarted}
          ELSE ${exhausted(sql`'the runner stopped reporting'`)} END`,
        deadLetter: sql`NOT ${overtime}`,
      })
      .where(failed)
      .returning(changed),
    db.update(stories).set(end('expired', now)).where(expired).returning(changed),
    db
      .update(stories)
      .set({ ...requeue(now, outcome), unstarted: sql`${stories.unstarted} + ${hasNotStarted}` })
      .where(lost)
      .returning(changed),
    db
      .update(stories)
      .set({ ready: true, version: nextVersion })
      .where(and(queued, sql`${stories.ready} = 0`, lte(stories.claimableAt, now)))
      .returning(changed),
  ])
  return rows.flat().map(({ id }) => id)
}

/**
 * No lease ends later than `leaseMs` from now, and no pause later than the longest one: where one does, the clock has been
 * set back. It ends then, at the latest, so that a story whose runner died, or that is to be tried again, does not wait for
 * as long as the clock was ahead. A runner that lives extends its lease.
 */
export async function endWaitsOfTheFuture(db: Db, leaseMs: number, now: number): Promise<void> {
  const endBy = (latest: number, where: SQL) =>
    db
      .update(stories)
      .set({ claimableAt: latest })
      .where(and(sql`${stories.ready} = 0`, where, gt(stories.claimableAt, latest)))
  await db.batch([endBy(now + leaseMs, isRunning), endBy(now + LONGEST_PAUSE_MS, sql`${stories.status} = 'queued'`)])
}

/** The ids of stories whose time has come: a pause is over, a lease or a deadline has passed. At most `SWEEP_LIMIT`. */
export async function dueStories(db: Db, now: number): Promise<string[]> {
  return (await dueQuery(db, now)).map(({ id }) => id)
}

export function dueQuery(db: Db, now: number) {
  const at = (where: SQL | undefined) => db.select({ id: stories.id }).from(stories).where(where)
  // Literals, not parameters: the planner takes a partial index only when it can see that the query fits it.
  const waiting = sql`${stories.ready} = 0`
  return union(
    at(and(waiting, lte(stories.claimableAt, now))),
    at(and(sql`${stories.status} = 'queued'`, lte(stories.startBy, now))),
  ).limit(SWEEP_LIMIT)
}
