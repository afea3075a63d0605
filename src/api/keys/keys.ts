/** `/keys`: list, change and revoke API keys, and the links of what they made. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { Key, KeyId, KeyList, RevokedKey, UpdateKey } from '../../../contract/key.ts'
import { listApiKeys, revokeApiKey, revokeLinks, updateApiKey } from '../../db/keys/api-keys.ts'
import { cancelAll } from '../../db/queue/cancel.ts'
import { wakeRunnersForAll } from '../../durable/claim-waiting.ts'
import { actorOf } from '../http/actor.ts'
import { announce } from '../http/announce.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { viewOfKey } from './view.ts'

const tags = ['Keys']
const security = [{ apiKey: [] }]
const params = z.object({ id: KeyId })
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
const admission = problems('unauthorized', 'forbidden', 'rate-limited')
const bodyProblems = problems('malformed-json', 'too-large', 'unsupported-media-type', 'validation')

const list = createRoute({
  method: 'get',
  path: '/keys',
  summary: 'List API keys, newest first',
  tags,
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(KeyList, 'All of them, revoked ones too'), ...admission },
})

const update = createRoute({
  method: 'patch',
  path: '/keys/{id}',
  summary: 'Change the limits, the tenant or the origins of an API key',
  description:
    'Fields that are left out stay as they are. Origins apply at once. Caps and weight do too, also to stories that are ' +
    'queued or running: those above a lower cap stay, and so do stored files. `creates_per_minute` applies within two minutes.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: { params, ...body(UpdateKey) },
  responses: { 200: json(Key, 'The key'), ...admission, ...bodyProblems, ...problems('not-found') },
})

const revoke = createRoute({
  method: 'delete',
  path: '/keys/{id}',
  summary: 'Revoke an API key',
  description:
    'It is refused from the next request on. Its stories go on, and so do their webhooks and links. With `stop=true` its ' +
    'queued stories are canceled, the running ones are asked to stop, and its links end; repeat the request while ' +
    '`stopped.more` is true.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: {
    params,
    query: z.object({
      stop: z.enum(['true', 'false']).default('false').describe('Stop its stories, and end its links'),
    }),
  },
  responses: {
    200: json(RevokedKey, 'The key; unchanged if it was revoked before'),
    ...admission,
    ...problems('not-found', 'validation'),
  },
})

const endLinks = createRoute({
  method: 'post',
  path: '/keys/{id}/links/revoke',
  summary: 'Revoke all signed links of an API key',
  description:
    'Links to its stories, pictures, events and files end at once. Stories that are read from now on have new ones.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params },
  responses: { 200: json(Key, 'The key'), ...admission, ...problems('not-found') },
})

export const keyRoutes = newRoutes()
  .openapi(list, async (c) => c.json({ results: (await listApiKeys(c.var.db)).map(viewOfKey) }, 200))
  .openapi(update, async (c) => {
    const { id } = c.req.valid('param')
    const { tenant, origins, creates_per_minute: createsPerMinute, weight, ...caps } = c.req.valid('json')
    const { max_running: maxRunning, max_queued: maxQueued, max_stored_bytes: maxStoredBytes } = caps
    const changes = {
      ...(tenant !== undefined && { tenant }),
      ...(origins !== undefined && { origins }),
      ...(createsPerMinute !== undefined && { createsPerMinute }),
      ...(weight !== undefined && { weight }),
      ...(maxRunning !== undefined && { maxRunning }),
      ...(maxQueued !== undefined && { maxQueued }),
      ...(maxStoredBytes !== undefined && { maxStoredBytes }),
    }
    const row = await updateApiKey(c.var.db, id, changes, actorOf(c), c.var.tools.now())
    if (!row) throw new ProblemError('not-found', `no key ${id}`)
    if (changes.maxRunning !== undefined) c.executionCtx.waitUntil(wakeRunnersForAll(c.env, c.var.db, id))
    return c.json(viewOfKey(row), 200)
  })
  .openapi(revoke, async (c) => {
    const { db, tools } = c.var
    const { id } = c.req.valid('param')
    const stop = c.req.valid('query').stop === 'true'
    const row = await revokeApiKey(db, id, { endLinks: stop, by: actorOf(c) }, tools.now())
    if (!row) throw new ProblemError('not-found', `no key ${id}`)
    if (!stop) return c.json(viewOfKey(row), 200)
    const { canceled, stopping, more } = await cancelAll(db, { apiKeyId: id }, tools.now())
    announce(c, ...canceled, ...stopping)
    const stopped = { canceled: canceled.length, stopping: stopping.length, more }
    return c.json({ ...viewOfKey(row), stopped }, 200)
  })
  .openapi(endLinks, async (c) => {
    const { id } = c.req.valid('param')
    const row = await revokeLinks(c.var.db, id, actorOf(c), c.var.tools.now())
    if (!row) throw new ProblemError('not-found', `no key ${id}`)
    return c.json(viewOfKey(row), 200)
  })
