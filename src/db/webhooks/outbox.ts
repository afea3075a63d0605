/** The outbox: a webhook is enqueued in the batch that makes the change it announces. */
import { and, isNotNull, type SQL, sql } from 'drizzle-orm'
import type { WebhookEvent } from '../../../contract/story.ts'
import type { StoryWebhook } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { deliveries } from '../schema/webhooks.ts'

/** Tries, over six minutes, after which a message gives way to the next one of its story. */
export const GIVE_WAY_AFTER = 4

/** As the index `webhook_deliveries_unsettled` has it, so that those which are settled, most of a long story's, are not read. */
export const isUnsettled = (message: string): SQL => sql.raw(`${message}.status IN ('waiting', 'pending')`)

const EVENT_OF = {
  'story.started': 'start',
  'story.frame.completed': 'frame',
  'story.progress': 'progress',
  'story.completed': 'completed',
  'story.failed': 'completed',
  'story.canceled': 'completed',
  'story.expired': 'completed',
} as const satisfies Record<StoryWebhook['type'], WebhookEvent>

/**
 * The statement that enqueues `type` for the webhook of each story in `where`, if it subscribed to that. To be batched
 * ahead of the change it announces, under the same condition, so that both happen or neither.
 *
 * @param suffix tells apart several messages of one kind: the index of a frame, the number of a progress report.
 */
export function enqueueWebhook(
  db: Db,
  type: StoryWebhook['type'],
  where: SQL | undefined,
  now: number,
  suffix = sql`''`,
) {
  const event = EVENT_OF[type]
  const subscribed = sql`EXISTS (SELECT 1 FROM json_each(${stories.request}, '$.webhook_events_filter')
    WHERE json_each.value = ${event})`
  const earlier = sql`FROM webhook_deliveries earlier WHERE earlier.story_id = ${stories.id}`
  const inTheWay = sql`EXISTS (SELECT 1 ${earlier} AND ${isUnsettled('earlier')}
    AND (earlier.status = 'waiting' OR earlier.attempts < ${GIVE_WAY_AFTER}))`
  const rows = db
    .select({
      // A story that was resumed ends once more.
      id: sql<string>`'msg_' || ${stories.id} || ${`_${event}`} || ${suffix}
        || iif(${stories.resumes} > 0, '_r' || ${stories.resumes}, '')`.as('id'),
      storyId: stories.id,
      apiKeyId: stories.apiKeyId,
      // Up to the first slash behind `https://`, whose own are the 7th and 8th character.
      origin: sql<string>`substr(${stories.webhook}, 1, instr(substr(${stories.webhook}, 9) || '/', '/') + 7)`.as(
        'origin',
      ),
      sequence: sql<number>`(SELECT coalesce(max(earlier.sequence), 0) + 1 ${earlier})`.as('sequence'),
      type: sql<StoryWebhook['type']>`${type}`.as('type'),
      status: sql<'waiting' | 'pending'>`iif(${inTheWay}, 'waiting', 'pending')`.as('status'),
      body: sql<null>`NULL`.as('body'),
      attempts: sql<number>`0`.as('attempts'),
      nextAttemptAt: sql<number | null>`iif(${inTheWay}, NULL, ${now})`.as('next_attempt_at'),
      lastStatus: sql<null>`NULL`.as('last_status'),
      lastError: sql<null>`NULL`.as('last_error'),
      createdAt: sql<number>`${now}`.as('created_at'),
      deliveredAt: sql<null>`NULL`.as('delivered_at'),
    })
    .from(stories)
    .where(and(where, isNotNull(stories.webhook), subscribed, notThrottled(type, now)))
  return db.insert(deliveries).select(rows).onConflictDoNothing()
}

/** Progress is announced at most once in this time, as are the outputs of predictions on Replicate; the rest always. */
const THROTTLE_MS = 500
/** The latest messages of a story, among which a recent one of the same type is looked for. */
const LATEST = 20

function notThrottled(type: StoryWebhook['type'], now: number): SQL | undefined {
  if (type !== 'story.frame.completed' && type !== 'story.progress') return undefined
  const latest = sql`SELECT type, created_at FROM webhook_deliveries WHERE story_id = ${stories.id}
    ORDER BY sequence DESC LIMIT ${LATEST}`
  const isQuiet = sql`NOT EXISTS (SELECT 1 FROM (${latest}) WHERE type = ${type} AND created_at > ${now - THROTTLE_MS})`
  return type === 'story.progress' ? isQuiet : sql`(${stories.prediction} IS NULL OR ${isQuiet})`
}
