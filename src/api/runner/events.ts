/** `POST /runner/webhooks`: the signed events of runners. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import { publicError } from '../../../contract/public-error.ts'
import { EventReceipt, RunnerEvent } from '../../../contract/runner.ts'
import type { Db } from '../../db/client.ts'
import { complete } from '../../db/queue/complete.ts'
import { leaseStateOf } from '../../db/queue/lease.ts'
import { type EventOrigin, isSeen } from '../../db/queue/messages.ts'
import { confirmStop, fail, markProgress, markStarted } from '../../db/queue/report.ts'
import { findStory } from '../../db/stories/stories.ts'
import { count } from '../../durable/meter.ts'
import { announce, announceReady } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { countGuess } from '../http/guesses.ts'
import { ProblemError, rejectInvalid } from '../http/problems.ts'
import { documented, json, newRoutes, problems } from '../http/routes.ts'
import { runnerSecrets } from '../http/tokens.ts'
import { staleLeaseOf } from './lease.ts'

const receive = createRoute({
  method: 'post',
  path: '/runner/webhooks',
  summary: 'Report on a story',
  description:
    'Signed per Standard Webhooks: webhook-id, webhook-timestamp (at most 5 minutes off), webhook-signature. A runner ' +
    'with an API key of its own sends it as `Authorization`, and signs with the secret of that key.',
  tags: ['Runner'],
  middleware: [limitBody(MAX_JSON_BYTES)] as const,
  // A plain schema only documents: the signature is verified over the body as text, before any of it is parsed.
  request: { body: { required: true, content: { 'application/json': { schema: documented(RunnerEvent) } } } },
  responses: {
    200: json(EventReceipt, 'Where that left the story'),
    ...problems('bad-signature', 'not-found', 'stale-lease', 'frames-missing', 'too-large', 'validation'),
  },
})

export const runnerEventRoutes = newRoutes().openapi(receive, async (c) => {
  const { db, tools } = c.var
  const text = await c.req.text()
  verify(c, text, await runnerSecrets(c))
  const parsed = RunnerEvent.safeParse(parseJson(text))
  if (!parsed.success) throw rejectInvalid({ success: false, target: 'json', error: parsed.error })
  const event = parsed.data
  const { story_id: storyId, lease_token: leaseToken, sequence } = event.data
  const messageId = c.req.header('webhook-id') ?? ''
  const origin = { messageId, storyId, leaseToken, sequence, now: tools.now() }
  const duplicate = await isSeen(db, messageId)
  const changed = !duplicate && (await apply(db, origin, event, tools.randomBytes(1)))
  const state = await leaseStateOf(db, storyId, leaseToken)
  if (!changed && !duplicate && !(await isSeen(db, messageId))) {
    if (!state?.held) throw staleLeaseOf(storyId, state)
    if (event.type === 'story.completed') throw await framesMissing(db, storyId)
    // What is left arrived after a later event of its lease, and changes nothing.
  }
  if (!state) throw staleLeaseOf(storyId, state)
  if (changed && event.type === 'story.failed') logFailure(c, event)
  // A failure after which the story is `queued` is a retry.
  if (changed) count('runner_events', { type: event.type, status: state.status })
  if (changed && event.type === 'story.failed') announceReady(c, storyId)
  else announce(c, storyId)
  return c.json({ status: state.status, cancel: state.cancel, duplicate: duplicate || !changed }, 200)
})

/** True when the event took effect. */
async function apply(db: Db, origin: EventOrigin, event: RunnerEvent, random: Uint8Array): Promise<boolean> {
  switch (event.type) {
    case 'story.started':
      return markStarted(db, origin)
    case 'story.progress':
    case 'story.frame.completed':
      return markProgress(db, origin, event.data.progress)
    case 'story.completed':
      return (await complete(db, [origin], origin.now)).has(origin.messageId)
    case 'story.failed':
      return fail(db, origin, publicError(event.data.error), event.data.retryable, (random[0] ?? 0) / 256)
    case 'story.canceled':
      return confirmStop(db, origin)
  }
}

/** In the runner's own words, which the customer does not see. */
function logFailure(c: Context<AppEnv>, { data }: Extract<RunnerEvent, { type: 'story.failed' }>): void {
  const { story_id: story, error, retryable } = data
  console.error(
    JSON.stringify({ level: 'error', event: 'story.failed', request_id: c.var.requestId, story, retryable, ...error }),
  )
}

/** Throws `bad-signature` unless one of the secrets has signed the body. */
function verify(c: Context<AppEnv>, text: string, secrets: readonly string[]): void {
  const reasons = secrets.map((secret) => refusalBy(secret, text, c.req.header()))
  if (reasons.includes(undefined)) return
  countGuess(c)
  throw new ProblemError('bad-signature', reasons[0] ?? '')
}

function refusalBy(secret: string, text: string, headers: Record<string, string>): string | undefined {
  try {
    new Webhook(secret).verify(text, headers, { jsonParse: false })
    return undefined
  } catch (error) {
    if (!(error instanceof WebhookVerificationError)) throw error
    return error.message
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new ProblemError('malformed-json', 'the body is not JSON')
  }
}

async function framesMissing(db: Db, storyId: string): Promise<ProblemError> {
  const found = await findStory(db, storyId)
  const missing = Array.from({ length: found?.story.frameCount ?? 0 }, (_, index) => index).filter(
    (index) => !found?.frames.some((frame) => frame.index === index),
  )
  return new ProblemError('frames-missing', `story ${storyId} lacks the frames ${missing.join(', ')}`)
}
