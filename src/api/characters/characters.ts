/** `/characters`: characters that are kept once and named by many stories. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { NewCharacter, SavedCharacter, SavedCharacterId, SavedCharacterList } from '../../../contract/character.ts'
import { issuesOf } from '../../../contract/problem.ts'
import { LIMITS } from '../../../contract/story.ts'
import { deleteCharacter, findCharacters, insertCharacter, listCharacters } from '../../db/characters/characters.ts'
import { findAnswer } from '../../db/idempotency.ts'
import type { CharacterRow } from '../../db/schema/files.ts'
import type { IdempotencyRow } from '../../db/schema/idempotency.ts'
import { newStoryId } from '../../platform/ids.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { fingerprintOf, IdempotencyHeaders, REPLAYED, requireSameRequest } from '../http/idempotency.ts'
import { originOf } from '../http/origin.ts'
import { cursorOf, pageOf, parseCursor } from '../http/paging.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { binary, documented, json, newRoutes, PageQuery, problems } from '../http/routes.ts'
import { type Picture, readReference, storePicture } from './reference-pictures.ts'

const tags = ['Characters']
const security = [{ apiKey: [] }]
const params = z.object({ id: SavedCharacterId })

const create = createRoute({
  method: 'post',
  path: '/characters',
  summary: 'Keep a character',
  description:
    `At most ${LIMITS.references} pictures of at most ${LIMITS.referenceBytes} bytes: PNG, JPEG or WebP. Files come as ` +
    'multipart/form-data, URLs and data URIs either way. The same picture is stored once for each API key.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(LIMITS.references * LIMITS.referenceBytes + MAX_JSON_BYTES)] as const,
  // Plain schemas only document: there are two kinds of bodies, and one of them is no JSON.
  request: {
    headers: IdempotencyHeaders,
    body: {
      required: true,
      content: {
        'application/json': { schema: documented(NewCharacter) },
        'multipart/form-data': {
          schema: {
            type: 'object',
            required: ['name', 'description'],
            properties: {
              name: { type: 'string' },
              description: { type: 'string' },
              references: { type: 'array', items: binary(), maxItems: LIMITS.references },
            },
          },
        },
      },
    },
  },
  responses: {
    201: json(SavedCharacter, 'The character; the header Location names it'),
    ...problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation'),
    ...problems('idempotency-mismatch'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/characters',
  summary: 'List characters, newest first',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: {
    query: PageQuery,
  },
  responses: { 200: json(SavedCharacterList, 'A page'), ...problems('unauthorized', 'validation') },
})

const read = createRoute({
  method: 'get',
  path: '/characters/{id}',
  summary: 'Read a character',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params },
  responses: { 200: json(SavedCharacter, 'The character'), ...problems('unauthorized', 'not-found') },
})

const remove = createRoute({
  method: 'delete',
  path: '/characters/{id}',
  summary: 'Delete a character',
  description:
    'Stories that were accepted before still use it. Its pictures are removed once the last of them has ended.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params },
  responses: { 204: { description: 'It is gone' }, ...problems('unauthorized', 'not-found') },
})

export const characterRoutes = newRoutes()
  .openapi(create, async (c) => {
    const { db, settings, tools, apiKey } = c.var
    const { name, description, references: given } = await readBody(c)
    const allowInsecure = settings.ALLOW_INSECURE_WEBHOOKS === '1'
    const read = await Promise.all(given.map((one) => readReference(one, allowInsecure)))
    const faults = read.flatMap((one, i) =>
      'wrong' in one ? [{ pointer: `/references/${i}`, message: one.wrong }] : [],
    )
    if (faults.length > 0) throw invalid(faults)
    const good = read.filter((one): one is { url: string } | Picture => !('wrong' in one))
    const key = c.req.valid('header')['idempotency-key']
    // By what the pictures are, not by how they came, as a file or as a data URI.
    const meant = good.map((one) => ('url' in one ? one.url : `sha256:${one.sha256}`))
    const fingerprint = key ? await fingerprintOf(c, { name, description, references: meant }) : ''
    const replay = (earlier: IdempotencyRow) => {
      requireSameRequest({ key: earlier.key, fingerprint }, earlier)
      const { location, body } = earlier.answer
      return c.json(SavedCharacter.parse(body), 201, { location, ...REPLAYED })
    }
    // `insertCharacter` would find it too, after all pictures had been stored again.
    const known = key && (await findAnswer(db, apiKey.id, key, tools.now()))
    if (known) return replay(known)
    const references = await Promise.all(
      good.map(async (one) => ('url' in one ? one : storePicture(c, apiKey.id, one))),
    )
    const now = tools.now()
    const character = {
      id: newStoryId(tools.randomBytes),
      apiKeyId: apiKey.id,
      createdAt: now,
      name,
      description,
      references,
    }
    const answer = { status: 201, location: `${originOf(c)}/characters/${character.id}`, body: shown(character) }
    const earlier = await insertCharacter(db, character, now, key ? { key, fingerprint, answer } : undefined)
    if (earlier) return replay(earlier)
    return c.json(answer.body, 201, { location: answer.location })
  })
  .openapi(list, async (c) => {
    const { cursor, limit } = c.req.valid('query')
    const rows = await listCharacters(c.var.db, c.var.apiKey.id, parseCursor(cursor), limit + 1)
    const { page, next } = pageOf(c, rows, { limit, query: { limit: `${limit}` }, cursorOf })
    return c.json({ results: page.map(shown), next }, 200)
  })
  .openapi(read, async (c) => {
    const { id } = c.req.valid('param')
    const [character] = await findCharacters(c.var.db, [id], c.var.apiKey.id)
    if (!character) throw noSuchCharacter(id)
    return c.json(shown(character), 200)
  })
  .openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    if (!(await deleteCharacter(c.var.db, id, c.var.apiKey.id, c.var.tools.now()))) throw noSuchCharacter(id)
    return c.body(null, 204)
  })

/** `references` are validated by `readReference`. */
async function readBody(c: Context<AppEnv>) {
  const type = c.req.header('content-type') ?? ''
  const isForm = /^multipart\/form-data\b/i.test(type)
  if (!isForm && !/^application\/([\w.-]+\+)?json\b/i.test(type))
    throw new ProblemError(
      'unsupported-media-type',
      `send application/json or multipart/form-data, not ${type || 'nothing'}`,
    )
  const body = isForm ? await formOf(c) : await c.req.json().catch(notJson)
  const parsed = Body.safeParse(body)
  if (!parsed.success) throw invalid(issuesOf(parsed.error))
  return parsed.data
}

const Body = NewCharacter.extend({
  references: z
    .array(z.union([z.string(), z.instanceof(File)], { error: 'an https URL, a data URI or, in a form, a file' }))
    .max(LIMITS.references, `at most ${LIMITS.references} pictures`)
    .default([]),
})

async function formOf(c: Context<AppEnv>) {
  const form = await c.req.formData().catch(() => undefined)
  if (!form) throw invalid([{ pointer: '', message: 'the form cannot be read; is its boundary right?' }])
  const { references: _, ...fields } = Object.fromEntries(form)
  return { ...fields, references: form.getAll('references') }
}

function notJson(): never {
  throw new ProblemError('malformed-json', 'the body is not JSON')
}

function shown({ id, name, description, references, createdAt }: CharacterRow): SavedCharacter {
  return {
    id,
    name,
    description,
    references: references.map((one) =>
      'url' in one
        ? { url: one.url, sha256: null, content_type: null, bytes: null }
        : { url: null, sha256: one.sha256, content_type: one.contentType, bytes: one.size },
    ),
    created_at: new Date(createdAt).toISOString(),
  }
}

const noSuchCharacter = (id: string) => new ProblemError('not-found', `no character ${id} under this API key`)
