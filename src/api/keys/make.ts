/** `POST /keys` and `/keys/{id}/rotate`: keys that are shown once, and once more to a repeat of the request. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { CreateKey, KeyId, NewKey, RotateKey } from '../../../contract/key.ts'
import { findAnswer } from '../../db/idempotency.ts'
import { findKey } from '../../db/keys/api-keys.ts'
import { type KeyRequest, makeApiKey, rotateApiKey } from '../../db/keys/make-key.ts'
import { apiKeyRow } from '../../db/keys/new-key.ts'
import { withDefaults } from '../../db/rows.ts'
import type { IdempotencyRow } from '../../db/schema/idempotency.ts'
import { apiKeys } from '../../db/schema/keys.ts'
import { derivedKeyText, hashedKey } from '../../platform/api-key.ts'
import { base32 } from '../../platform/ids.ts'
import { actorOf } from '../http/actor.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey, requireApiKeyOrReplaced } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { unauthorized } from '../http/guesses.ts'
import { fingerprintOf, IdempotencyHeaders, REPLAYED, requireSameRequest } from '../http/idempotency.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { viewOfNewKey } from './view.ts'

const HOUR_MS = 3_600_000

const common = { tags: ['Keys'], security: [{ apiKey: [] }] }
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  headers: IdempotencyHeaders,
  body: { required: true, content: { 'application/json': { schema } } },
})
const refusals = {
  ...problems('unauthorized', 'forbidden', 'rate-limited', 'malformed-json', 'too-large', 'unsupported-media-type'),
  ...problems('validation', 'idempotency-mismatch', 'answer-gone'),
}

const create = createRoute({
  ...common,
  method: 'post',
  path: '/keys',
  summary: 'Make an API key',
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: body(CreateKey),
  responses: { 201: json(NewKey, 'The key, shown this once'), ...refusals },
})

const rotate = createRoute({
  ...common,
  method: 'post',
  path: '/keys/{id}/rotate',
  summary: 'Replace an API key',
  description:
    'Stories, webhooks and limits stay with the key. For `overlap_hours` the present key works beside the new one. ' +
    'A second rotation within the overlap ends the first of the three keys. With an `Idempotency-Key`, a repeat gets the ' +
    'new key again; a key that replaced itself without overlap can still repeat the request for an hour.',
  middleware: [requireApiKeyOrReplaced, limitBody(MAX_JSON_BYTES)] as const,
  request: { params: z.object({ id: KeyId }), ...body(RotateKey) },
  responses: { 200: json(NewKey, 'The new key, shown this once'), ...refusals, ...problems('not-found') },
})

export const keyMakingRoutes = newRoutes()
  .openapi(create, async (c) => {
    const { db, tools } = c.var
    const wanted = c.req.valid('json')
    const expiresAt = wanted.expires_at === null ? null : Date.parse(wanted.expires_at)
    if (expiresAt !== null && expiresAt <= tools.now())
      throw invalid([{ pointer: '/expires_at', message: 'must be in the future' }])
    const asked = await askOnce(c, c.req.valid('header')['idempotency-key'], wanted)
    if (asked.remembered) return c.json(await answerAgain(c, asked.remembered), 201, REPLAYED)
    const options = {
      tenant: wanted.tenant,
      scopes: wanted.scopes,
      retentionDays: wanted.retention_days,
      createsPerMinute: wanted.creates_per_minute,
      weight: wanted.weight,
      maxRunning: wanted.max_running,
      maxQueued: wanted.max_queued,
      maxStoredBytes: wanted.max_stored_bytes,
      origins: wanted.origins,
      expiresAt,
    }
    const row = withDefaults(apiKeys, await apiKeyRow(asked.key, wanted.name, tools, options))
    const remembered = await makeApiKey(db, row, asked.requestFor(row.id), tools.now())
    if (remembered) return c.json(await answerAgain(c, requireSame(remembered, asked.fingerprint)), 201, REPLAYED)
    return c.json(viewOfNewKey(row, asked.key), 201)
  })
  .openapi(rotate, async (c) => {
    const { db, tools } = c.var
    const { id } = c.req.valid('param')
    const wanted = c.req.valid('json')
    const asked = await askOnce(c, c.req.valid('header')['idempotency-key'], wanted)
    if (asked.remembered) return c.json(await answerAgain(c, asked.remembered), 200, REPLAYED)
    const { hash, prefix } = await hashedKey(asked.key)
    const until = tools.now() + wanted.overlap_hours * HOUR_MS
    const done = await rotateApiKey(db, id, { hash, prefix, until }, asked.requestFor(id), tools.now())
    if (!done) throw new ProblemError('not-found', `no key ${id} in force`)
    if ('remembered' in done)
      return c.json(await answerAgain(c, requireSame(done.remembered, asked.fingerprint)), 200, REPLAYED)
    return c.json(viewOfNewKey(done.row, asked.key), 200)
  })

/** What is remembered of a request for a key: enough to derive the key again, with a secret that the database lacks. */
const Remembered = z.object({ id: z.string(), salt: z.string() })

/** A key to be made, and how to ask for it; or what an earlier request under the same Idempotency-Key has made. */
async function askOnce(c: Context<AppEnv>, idempotencyKey: string | undefined, wanted: object) {
  const { db, settings, tools, apiKey, onlyReplay } = c.var
  const fingerprint = idempotencyKey === undefined ? '' : await fingerprintOf(c, wanted)
  const earlier = idempotencyKey && (await findAnswer(db, apiKey.id, idempotencyKey, tools.now()))
  if (earlier) return { remembered: requireSame(earlier, fingerprint) }
  if (onlyReplay) throw unauthorized('the API key was replaced by another request')
  const salt = base32(tools.randomBytes(20))
  const requestFor = (id: string): KeyRequest => ({
    by: actorOf(c),
    once: idempotencyKey === undefined ? undefined : onceOf(idempotencyKey, fingerprint, { id, salt }),
  })
  return { key: derivedKeyText(settings.URL_SECRET[0], salt), fingerprint, requestFor }
}

const onceOf = (key: string, fingerprint: string, body: z.infer<typeof Remembered>) => ({
  key,
  fingerprint,
  mark: body.salt,
  answer: { status: 200, location: '', body },
})

function requireSame(earlier: IdempotencyRow, fingerprint = ''): IdempotencyRow {
  requireSameRequest({ key: earlier.key, fingerprint }, earlier)
  return earlier
}

/** The key that was answered before. Throws `answer-gone` when another one has taken its place since. */
async function answerAgain(c: Context<AppEnv>, { answer }: IdempotencyRow) {
  const { db, settings } = c.var
  const { id, salt } = Remembered.parse(answer.body)
  const row = await findKey(db, id)
  for (const secret of settings.URL_SECRET) {
    const key = derivedKeyText(secret, salt)
    const { hash } = await hashedKey(key)
    if (row && (row.hash === hash || row.previousHash === hash)) return viewOfNewKey(row, key)
  }
  throw new ProblemError('answer-gone', `the key ${id} has been replaced since, or the secret of the edge has`)
}
