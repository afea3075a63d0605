/** `/webhooks`: the secret, its rotation, the log of deliveries, replay, and ping. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { StoryId } from '../../../contract/story-view.ts'
import {
  Delivery,
  DeliveryId,
  DeliveryList,
  PingRequest,
  PingResult,
  RotatedSecret,
  RotateSecret,
  WebhookSecret,
} from '../../../contract/webhook.ts'
import { audit } from '../../db/keys/audit.ts'
import { markBack, rotateSecret, secretsOf } from '../../db/webhooks/endpoint.ts'
import { type LoggedDelivery, listDeliveries, replay } from '../../db/webhooks/log.ts'
import { HOLD_MS } from '../../durable/delivery.ts'
import { postWebhook } from '../../durable/webhook-post.ts'
import { base32, newWebhookSecret } from '../../platform/ids.ts'
import { refuseUrl } from '../../platform/url-guard.ts'
import { actorOf } from '../http/actor.ts'
import { announce } from '../http/announce.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { cursorOf, pageOf, parseCursor } from '../http/paging.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, newRoutes, PageQuery, problems } from '../http/routes.ts'

const tags = ['Webhooks']
const security = [{ apiKey: [] }]
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
const bodyProblems = problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation')

const secret = createRoute({
  method: 'get',
  path: '/webhooks/secret',
  summary: 'What signs the webhooks of this API key',
  tags,
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(WebhookSecret, 'The secret'), ...problems('unauthorized') },
})

const rotate = createRoute({
  method: 'post',
  path: '/webhooks/secret/rotate',
  summary: 'Sign with a new secret',
  description:
    'For `overlap_hours` every webhook is signed with both secrets, so that a receiver can change over in that time. ' +
    'A second rotation within the overlap ends the first of the three secrets.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: body(RotateSecret),
  responses: { 200: json(RotatedSecret, 'The new secret'), ...bodyProblems },
})

const list = createRoute({
  method: 'get',
  path: '/webhooks/deliveries',
  summary: 'What was sent, newest first',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: {
    query: PageQuery.extend({ story: StoryId.optional().describe('Only the messages of this story') }),
  },
  responses: { 200: json(DeliveryList, 'A page'), ...problems('unauthorized', 'validation') },
})

const again = createRoute({
  method: 'post',
  path: '/webhooks/deliveries/{id}/replay',
  summary: 'Send a message again',
  description:
    'With the same `webhook-id` and body, and all its retries. A message that is still being retried is sent within ' +
    '30 seconds.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params: z.object({ id: DeliveryId }) },
  responses: { 202: json(Delivery, 'It will be sent'), ...problems('unauthorized', 'not-found') },
})

const ping = createRoute({
  method: 'post',
  path: '/webhooks/ping',
  summary: 'Try an endpoint',
  description:
    'Sends a signed message of type `webhook.ping` and waits up to 15 seconds for the answer. A URL that answered ' +
    '410 Gone receives webhooks again once a ping succeeds.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: body(PingRequest),
  responses: { 200: json(PingResult, 'The result'), ...bodyProblems },
})

export const webhookRoutes = newRoutes()
  .openapi(secret, (c) => c.json({ key: c.var.apiKey.webhookSecret }, 200))
  .openapi(rotate, async (c) => {
    const { db, tools, apiKey } = c.var
    const until = tools.now() + c.req.valid('json').overlap_hours * 3_600_000
    const key = newWebhookSecret(tools.randomBytes)
    await audit(db, { ...actorOf(c), action: 'key.secret_rotated', target: apiKey.id }, tools.now())
    await rotateSecret(db, apiKey.id, key, until)
    return c.json({ key, previous_valid_until: new Date(until).toISOString() }, 200)
  })
  .openapi(list, async (c) => {
    const { story: storyId, cursor, limit } = c.req.valid('query')
    const from = parseCursor(cursor, /^msg_\w{1,100}$/)
    const about = { ...(storyId && { storyId }), ...(from && { cursor: from }), limit: limit + 1 }
    const rows = await listDeliveries(c.var.db, c.var.apiKey.id, about)
    const query = { ...(storyId && { story: storyId }), limit: `${limit}` }
    const { page, next } = pageOf(c, rows, { limit, query, cursorOf: ({ delivery }) => cursorOf(delivery) })
    return c.json({ results: page.map(viewOfDelivery), next }, 200)
  })
  .openapi(again, async (c) => {
    const { db, tools, apiKey } = c.var
    const { id } = c.req.valid('param')
    await replay(db, apiKey.id, id, tools.now(), HOLD_MS)
    const [found] = await listDeliveries(db, apiKey.id, { id, limit: 1 })
    if (!found) throw new ProblemError('not-found', `no delivery ${id} under this API key`)
    announce(c, found.delivery.storyId)
    return c.json(viewOfDelivery(found), 202)
  })
  .openapi(ping, async (c) => {
    const { db, settings, tools, apiKey } = c.var
    const { url } = c.req.valid('json')
    const allowInsecure = settings.ALLOW_INSECURE_WEBHOOKS === '1'
    const refusal = refuseUrl(url, allowInsecure)
    if (refusal) throw invalid([{ pointer: '/url', message: refusal }])
    const id = `msg_ping_${base32(tools.randomBytes(16))}`
    const timestamp = new Date(tools.now()).toISOString()
    const body = JSON.stringify({ type: 'webhook.ping', timestamp, data: {} })
    const target = { url, secrets: secretsOf(apiKey, tools.now()), allowInsecure }
    const { delivered, status, ms, response, error } = await postWebhook({ id, body }, target, tools)
    if (delivered) await markBack(db, apiKey.id, url)
    return c.json({ id, delivered, status, ms, response, error }, 200)
  })

function viewOfDelivery({ delivery, url, attempts }: LoggedDelivery): Delivery {
  return {
    id: delivery.id,
    story: delivery.storyId,
    type: delivery.type,
    sequence: delivery.sequence,
    url,
    status: delivery.status,
    error: delivery.lastError,
    created_at: new Date(delivery.createdAt).toISOString(),
    delivered_at: time(delivery.deliveredAt),
    next_attempt_at: time(delivery.nextAttemptAt),
    attempts: attempts.map(({ at, status, ms, response, error }) => ({
      at: new Date(at).toISOString(),
      status,
      ms,
      response,
      error,
    })),
  }
}

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
