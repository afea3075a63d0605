/**
 * Rows of `webhook_deliveries`: the sending side of the outbox.
 *
 * The messages of a story are sent in order: one waits until the one before it is delivered or given up. Every body is
 * the whole story, so a later message says all that an earlier one would have: one that has failed `GIVE_WAY_AFTER`
 * times gives way to its successor, so an endpoint that fails on one kind of message still gets the last one.
 */
import { and, asc, eq, inArray, isNotNull, isNull, lte, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { type DeliveryRow, deliveries, webhookAttempts } from '../schema/webhooks.ts'
import { GIVE_WAY_AFTER, isUnsettled } from './outbox.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
/** The pauses after each failed try, 3 days and 3 hours in all, before jitter. */
const RETRY_MS = [5 * SECOND, 30 * SECOND, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 5 * HOUR, 10 * HOUR, 24 * HOUR, 24 * HOUR]
/** Characters kept of an answer that was a success. */
const KEPT_OF_SUCCESS = 256
const LONGEST_RETRY_AFTER_MS = 24 * HOUR
/** What one sender sends: the messages of one API key to one host, so that no other has to wait for them. */
export interface Lane {
  apiKeyId: string
  origin: string
}

const isOf = ({ apiKeyId, origin }: Lane) => and(eq(deliveries.apiKeyId, apiKeyId), eq(deliveries.origin, origin))

/** Lanes that one run of cron wakes, those that have waited longest; the rest are woken by the next. */
const MOST_LANES = 200

/** The lanes in which something is due; of these stories, when they are given. */
export async function dueLanes(db: Db, now: number, storyIds?: string[]): Promise<Lane[]> {
  const ofThese = storyIds && sql`${deliveries.storyId} IN (SELECT value FROM json_each(${JSON.stringify(storyIds)}))`
  const { apiKeyId, origin, nextAttemptAt } = deliveries
  return db
    .select({ apiKeyId, origin })
    .from(deliveries)
    .where(and(lte(nextAttemptAt, now), ofThese))
    .groupBy(apiKeyId, origin)
    .orderBy(sql`min(${nextAttemptAt})`)
    .limit(MOST_LANES)
}

/** When the next try of a lane is due, or one under way counts as lost; undefined when nothing is pending. */
export async function nextDue(db: Db, lane: Lane): Promise<number | undefined> {
  const row = await db
    .select({ at: deliveries.nextAttemptAt })
    .from(deliveries)
    .where(and(isOf(lane), isNotNull(deliveries.nextAttemptAt)))
    .orderBy(asc(deliveries.nextAttemptAt))
    .limit(1)
    .get()
  return row?.at ?? undefined
}

/**
 * Take up to `limit` messages of a lane that are due, oldest first. Each is held for `holdMs`: when the sender dies, it
 * is due again.
 */
export async function takeDue(
  db: Db,
  lane: Lane,
  { now, holdMs, limit }: { now: number; holdMs: number; limit: number },
): Promise<DeliveryRow[]> {
  const due = db
    .select({ id: deliveries.id })
    .from(deliveries)
    .where(and(isOf(lane), lte(deliveries.nextAttemptAt, now)))
    .orderBy(asc(deliveries.nextAttemptAt))
    .limit(limit)
  return db
    .update(deliveries)
    .set({ nextAttemptAt: now + holdMs, attempts: sql`${deliveries.attempts} + 1` })
    .where(inArray(deliveries.id, due))
    .returning()
}

/** Freeze the body of a message, at its first try or before. Answers the one that is kept, which may be an earlier one. */
export async function keepBody(db: Db, id: string, body: string): Promise<string> {
  const [, [kept]] = await db.batch([
    db
      .update(deliveries)
      .set({ body })
      .where(and(eq(deliveries.id, id), isNull(deliveries.body))),
    db.select({ body: deliveries.body }).from(deliveries).where(eq(deliveries.id, id)),
  ])
  return kept?.body ?? body
}

/** Messages of a story that were never tried, and so have no body yet. */
export const untried = (db: Db, storyId: string): Promise<DeliveryRow[]> =>
  db
    .select()
    .from(deliveries)
    .where(and(eq(deliveries.storyId, storyId), isNull(deliveries.body)))

/** How one try ended. */
export interface Outcome {
  delivered: boolean
  /** False when no further try can help, such as after 410 Gone. */
  retryable: boolean
  /** Null when there was no answer. */
  status: number | null
  /** The first kilobyte of the answer. */
  response: string | null
  error: string | null
  ms: number
  /** What the endpoint asked for by Retry-After. */
  retryAfterMs: number | null
}

/**
 * Note how a try ended: delivered, due again after a pause, or given up; the last two let the next message of the story
 * go. `random` in [0, 1) spreads the pause by ±20 %.
 */
export async function settle(
  db: Db,
  delivery: DeliveryRow,
  outcome: Outcome,
  { now, random }: { now: number; random: number },
): Promise<void> {
  const pause = RETRY_MS[delivery.attempts - 1]
  const asked = Math.min(outcome.retryAfterMs ?? 0, LONGEST_RETRY_AFTER_MS)
  const again =
    outcome.delivered || !outcome.retryable || pause === undefined
      ? undefined
      : now + Math.round(Math.max(pause * (0.8 + 0.4 * random), asked))
  // A sender that overran its hold must not undo what the next one achieved.
  const ours = and(eq(deliveries.id, delivery.id), eq(deliveries.attempts, delivery.attempts), pending)
  const givesWay = delivery.attempts >= GIVE_WAY_AFTER ? hasSuccessor(delivery) : sql`FALSE`
  const about = { lastStatus: outcome.status, lastError: outcome.error }
  const { status, response, error, ms } = outcome
  const kept = outcome.delivered ? (response?.slice(0, KEPT_OF_SUCCESS) ?? null) : response
  await db.batch([
    // Its story may have been removed meanwhile, and the message with it.
    db
      .insert(webhookAttempts)
      .select(
        sql`SELECT NULL, id, ${now - ms}, ${ms}, ${status}, ${kept}, ${error} FROM ${deliveries} WHERE ${deliveries.id} = ${delivery.id}`,
      ),
    again === undefined
      ? db
          .update(deliveries)
          .set({
            ...about,
            status: outcome.delivered ? 'delivered' : 'failed',
            nextAttemptAt: null,
            deliveredAt: outcome.delivered ? now : null,
          })
          .where(ours)
      : db
          .update(deliveries)
          .set({
            ...about,
            status: sql`iif(${givesWay}, 'failed', 'pending')`,
            nextAttemptAt: sql`iif(${givesWay}, NULL, ${again})`,
            lastError: sql`iif(${givesWay}, ${`${outcome.error}; given up for a later message of the story`}, ${outcome.error})`,
          })
          .where(ours),
    releaseNext(db, delivery.storyId, now),
  ])
}

const pending = eq(deliveries.status, 'pending')

/** Whether the message has been overtaken, or is about to be: it is not tried any more then. */
export async function gaveWay(db: Db, delivery: DeliveryRow): Promise<boolean> {
  if (delivery.attempts <= GIVE_WAY_AFTER) return false
  const row = await db
    .select({ is: sql<number>`${hasSuccessor(delivery)}` })
    .from(deliveries)
    .limit(1)
    .get()
  return row?.is === 1
}

const hasSuccessor = ({ storyId, sequence }: DeliveryRow) =>
  sql`EXISTS (SELECT 1 FROM webhook_deliveries later WHERE later.story_id = ${storyId} AND later.sequence > ${sequence})`

/** Lets the first waiting message of a story go, once none before it is pending. */
function releaseNext(db: Db, storyId: string, now: number) {
  return db
    .update(deliveries)
    .set({ status: 'pending', nextAttemptAt: now })
    .where(
      sql`${deliveries.id} = (SELECT id FROM webhook_deliveries next
          WHERE next.story_id = ${storyId} AND ${isUnsettled('next')} AND next.status = 'waiting' ORDER BY sequence LIMIT 1)
        AND NOT EXISTS (SELECT 1 FROM webhook_deliveries ahead
          WHERE ahead.story_id = ${storyId} AND ${isUnsettled('ahead')} AND ahead.status = 'pending')`,
    )
}
