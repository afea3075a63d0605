/** `/keys`: make, list, change, rotate and revoke API keys; `/usage`: what a key has used. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { CreateKey, Key, KeyId, KeyList, NewKey, RotateKey, UpdateKey, Usage } from '../../../contract/key.ts'
import {
  type ApiKeyRow,
  insertApiKey,
  listApiKeys,
  revokeApiKey,
  rotateApiKey,
  updateApiKey,
  usageOf,
} from '../../db/keys/api-keys.ts'
import { newApiKey } from '../../db/keys/new-key.ts'
import { hashedKey, newKeyText } from '../../platform/api-key.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'

const DAY_MS = 24 * 3_600_000
const HOUR_MS = 3_600_000

const tags = ['Keys']
const security = [{ apiKey: [] }]
const params = z.object({ id: KeyId })
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
const admission = problems('unauthorized', 'forbidden', 'rate-limited')
const bodyProblems = problems('malformed-json', 'too-large', 'unsupported-media-type', 'validation')

const create = createRoute({
  method: 'post',
  path: '/keys',
  summary: 'Make an API key',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: body(CreateKey),
  responses: { 201: json(NewKey, 'The key, shown this once'), ...admission, ...bodyProblems },
})

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
  summary: 'Change the limits of an API key',
  description:
    'Fields that are left out stay as they are. Caps and weight apply at once, also to stories that are queued or running: ' +
    'those above a lower cap stay. `creates_per_minute` applies within two minutes.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: { params, ...body(UpdateKey) },
  responses: { 200: json(Key, 'The key'), ...admission, ...bodyProblems, ...problems('not-found') },
})

const rotate = createRoute({
  method: 'post',
  path: '/keys/{id}/rotate',
  summary: 'Replace an API key',
  description:
    'Stories, webhooks and limits stay with the key. For `overlap_hours` the present key works beside the new one. ' +
    'A second rotation within the overlap ends the first of the three keys.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: { params, ...body(RotateKey) },
  responses: {
    200: json(NewKey, 'The new key, shown this once'),
    ...admission,
    ...bodyProblems,
    ...problems('not-found'),
  },
})

const revoke = createRoute({
  method: 'delete',
  path: '/keys/{id}',
  summary: 'Revoke an API key',
  description: 'It is refused from the next request on. Its stories go on, and so do their webhooks.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params },
  responses: { 200: json(Key, 'The key; unchanged if it was revoked before'), ...admission, ...problems('not-found') },
})

const usage = createRoute({
  method: 'get',
  path: '/usage',
  summary: 'What this API key has used, by day',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: {
    query: z.object({
      days: z.coerce.number().int().min(1, '1 to 366').max(366, '1 to 366').default(31).describe('Up to today'),
    }),
  },
  responses: { 200: json(Usage, 'Stories, frames and time of runners'), ...admission, ...problems('validation') },
})

export const keyRoutes = newRoutes()
  .openapi(create, async (c) => {
    const { db, tools } = c.var
    const wanted = c.req.valid('json')
    const expiresAt = wanted.expires_at === null ? null : Date.parse(wanted.expires_at)
    if (expiresAt !== null && expiresAt <= tools.now())
      throw invalid([{ pointer: '/expires_at', message: 'must be in the future' }])
    const { key, row } = await newApiKey(wanted.name, tools, {
      scopes: wanted.scopes,
      retentionDays: wanted.retention_days,
      createsPerMinute: wanted.creates_per_minute,
      weight: wanted.weight,
      maxRunning: wanted.max_running,
      maxQueued: wanted.max_queued,
      expiresAt,
    })
    const kept = await insertApiKey(db, row)
    return c.json(newKeyOf(kept, key), 201)
  })
  .openapi(list, async (c) => c.json({ results: (await listApiKeys(c.var.db)).map(viewOfKey) }, 200))
  .openapi(update, async (c) => {
    const { id } = c.req.valid('param')
    const { creates_per_minute: createsPerMinute, weight, max_running, max_queued } = c.req.valid('json')
    const row = await updateApiKey(c.var.db, id, {
      ...(createsPerMinute !== undefined && { createsPerMinute }),
      ...(weight !== undefined && { weight }),
      ...(max_running !== undefined && { maxRunning: max_running }),
      ...(max_queued !== undefined && { maxQueued: max_queued }),
    })
    if (!row) throw new ProblemError('not-found', `no key ${id}`)
    return c.json(viewOfKey(row), 200)
  })
  .openapi(rotate, async (c) => {
    const { db, tools } = c.var
    const { id } = c.req.valid('param')
    const until = tools.now() + c.req.valid('json').overlap_hours * HOUR_MS
    const key = newKeyText(tools)
    const row = await rotateApiKey(db, id, await hashedKey(key), until)
    if (!row) throw new ProblemError('not-found', `no key ${id} in force`)
    return c.json(newKeyOf(row, key), 200)
  })
  .openapi(revoke, async (c) => {
    const { id } = c.req.valid('param')
    const row = await revokeApiKey(c.var.db, id, c.var.tools.now())
    if (!row) throw new ProblemError('not-found', `no key ${id}`)
    return c.json(viewOfKey(row), 200)
  })
  .openapi(usage, async (c) => {
    const { db, tools, apiKey } = c.var
    // Whole days, so that the oldest one is not cut.
    const today = Math.floor(tools.now() / DAY_MS) * DAY_MS
    const rows = await usageOf(db, apiKey.id, today - (c.req.valid('query').days - 1) * DAY_MS)
    const days = rows.map(({ day, stories, frames, runnerMs }) => {
      return { day, stories, frames, runner_seconds: runnerMs / 1000 }
    })
    return c.json({ days }, 200)
  })

const newKeyOf = (row: ApiKeyRow, key: string) => ({
  ...viewOfKey(row),
  key,
  ...(row.scopes.includes('runner') && { webhook_secret: row.webhookSecret }),
})

function viewOfKey(row: ApiKeyRow): Key {
  return {
    id: row.id,
    name: row.name,
    prefix: row.prefix,
    scopes: row.scopes,
    retention_days: row.retentionDays,
    creates_per_minute: row.createsPerMinute,
    weight: row.weight,
    max_running: row.maxRunning,
    max_queued: row.maxQueued,
    created_at: new Date(row.createdAt).toISOString(),
    expires_at: time(row.expiresAt),
    revoked_at: time(row.revokedAt),
    previous_valid_until: time(row.previousHashUntil),
  }
}

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
