/** `/v1/files`: uploads, whose links may be used wherever a story takes a reference picture. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { jsonFault } from '../../../contract/json.ts'
import { MAX_FILE_BYTES, UploadedFile, UploadedFileList } from '../../../contract/replicate.ts'
import { deleteFile, findFile, insertFile, listFiles } from '../../db/characters/files.ts'
import type { FileRow } from '../../db/schema/files.ts'
import { newStoryId, sha256 } from '../../platform/ids.ts'
import { signUrl } from '../../platform/signed-url.ts'
import { discardObject, storeObject } from '../../upkeep/objects.ts'
import { noRoom } from '../characters/reference-pictures.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey, requireReader } from '../http/auth.ts'
import { limitBody } from '../http/body.ts'
import { originOf } from '../http/origin.ts'
import { cursorOf, pageOf, parseCursor } from '../http/paging.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { binary, json, newRoutes, openToLinks, problems } from '../http/routes.ts'

const PAGE = 50
/** What the other parts of a form and its boundaries may take. */
const FORM_BYTES = 64 * 1024
const MAX_NAME_BYTES = 255

const tags = ['Replicate']
const security = [{ apiKey: [] }]
const params = z.object({ id: z.string() })

const upload = createRoute({
  method: 'post',
  path: '/v1/files',
  summary: 'Upload a file',
  description: 'Kept for seven days. `filename` and `type` may be given as fields if the part `content` has none.',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_FILE_BYTES + FORM_BYTES)] as const,
  request: {
    body: {
      required: true,
      content: {
        'multipart/form-data': {
          schema: {
            type: 'object',
            required: ['content'],
            properties: {
              content: { ...binary(), description: `At most ${MAX_FILE_BYTES} bytes` },
              filename: { type: 'string' },
              type: { type: 'string' },
              metadata: { type: 'object', description: 'Handed back unchanged' },
            },
          },
        },
      },
    },
  },
  responses: {
    201: json(UploadedFile, 'The file'),
    ...problems('unauthorized', 'storage-full', 'too-large', 'unsupported-media-type', 'validation'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/v1/files',
  summary: 'List files, newest first',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { query: z.object({ cursor: z.string().optional().describe('From `next`') }) },
  responses: { 200: json(UploadedFileList, 'A page'), ...problems('unauthorized', 'validation') },
})

const read = createRoute({
  method: 'get',
  path: '/v1/files/{id}',
  summary: 'Read what is known about a file',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params },
  responses: { 200: json(UploadedFile, 'The file'), ...problems('unauthorized', 'not-found') },
})

const remove = createRoute({
  method: 'delete',
  path: '/v1/files/{id}',
  summary: 'Delete a file',
  description: 'Its links end with it.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params },
  responses: { 204: { description: 'It is gone' }, ...problems('unauthorized', 'not-found') },
})

const download = createRoute({
  method: 'get',
  path: '/v1/files/{id}/download',
  summary: 'The bytes of a file',
  tags,
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params },
  responses: {
    200: { description: 'As uploaded', content: { 'application/octet-stream': { schema: binary() } } },
    ...problems('unauthorized', 'not-found'),
  },
})

/** How long uploads are kept. */
const KEPT_MS = 7 * 24 * 3600_000

export const fileRoutes = newRoutes()
  .openapi(upload, async (c) => {
    const { db, tools, apiKey } = c.var
    const { bytes, ...form } = await readForm(c)
    const id = newStoryId(tools.randomBytes)
    const now = tools.now()
    const hash = await sha256(bytes)
    const row = { id, apiKeyId: apiKey.id, key: `files/${id}`, size: bytes.length, sha256: hash, ...form }
    const file = { ...row, createdAt: now, expiresAt: now + KEPT_MS }
    const object = { key: file.key, bytes, sha256: hash, contentType: file.contentType }
    const kept = await storeObject(c.env, db, object, now, async () =>
      (await insertFile(db, file)) ? file.key : undefined,
    )
    if (!kept) throw noRoom(apiKey)
    return c.json(shown(c, file), 201, { location: `${originOf(c)}/v1/files/${id}` })
  })
  .openapi(list, async (c) => {
    const { db, tools, apiKey } = c.var
    const { cursor } = c.req.valid('query')
    const rows = await listFiles(db, apiKey.id, tools.now(), parseCursor(cursor), PAGE + 1)
    const { page, next } = pageOf(c, rows, { limit: PAGE, query: {}, cursorOf })
    return c.json({ previous: null, next, results: page.map((file) => shown(c, file)) }, 200)
  })
  .openapi(read, async (c) => {
    const { id } = c.req.valid('param')
    const file = await findFile(c.var.db, id, c.var.tools.now(), c.var.apiKey.id)
    if (!file) throw noSuchFile(id)
    return c.json(shown(c, file), 200)
  })
  .openapi(remove, async (c) => {
    const { id } = c.req.valid('param')
    const file = await deleteFile(c.var.db, id, c.var.apiKey.id, c.var.tools.now())
    if (!file) throw noSuchFile(id)
    await discardObject(c.env, c.var.db, file.key, null)
    return c.body(null, 204)
  })
  .openapi(download, async (c) => {
    const { id } = c.req.valid('param')
    const file = await findFile(c.var.db, id, c.var.tools.now(), c.var.reader)
    const object = file && (await c.env.IMAGES.get(file.key))
    if (!object) throw noSuchFile(id)
    return c.body(await object.arrayBuffer(), 200, {
      // Older rows may hold what no header can.
      'content-type': MEDIA_TYPE.test(file.contentType) ? file.contentType : 'application/octet-stream',
      // Nothing that was uploaded may act as a page of ours.
      'content-disposition': 'attachment',
      'cache-control': 'private, max-age=3600',
    })
  })

async function readForm(c: Context<AppEnv>) {
  const type = c.req.header('content-type') ?? ''
  if (!/^multipart\/form-data\b/i.test(type))
    throw new ProblemError('unsupported-media-type', `send multipart/form-data with a part "content", not ${type}`)
  const form = await c.req.formData().catch(() => undefined)
  if (!form) throw invalid([{ pointer: '', message: 'the form cannot be read; is its boundary right?' }])
  const content = form.get('content')
  if (!(content instanceof File)) throw invalid([{ pointer: '/content', message: 'required: a file' }])
  if (content.size > MAX_FILE_BYTES) throw new ProblemError('too-large', `a file may have ${MAX_FILE_BYTES} bytes`)
  const name = (await textOf(form.get('filename'))) ?? content.name
  if (new TextEncoder().encode(name).length > MAX_NAME_BYTES)
    throw invalid([{ pointer: '/filename', message: `at most ${MAX_NAME_BYTES} bytes` }])
  const contentType = ((await textOf(form.get('type'))) ?? content.type) || 'application/octet-stream'
  if (!MEDIA_TYPE.test(contentType)) throw invalid([{ pointer: '/type', message: 'a media type, such as image/png' }])
  const metadata = Metadata.safeParse((await textOf(form.get('metadata'))) ?? '{}')
  if (!metadata.success) throw invalid([{ pointer: '/metadata', message: 'a JSON object of at most 16 kB' }])
  const bytes = new Uint8Array(await content.arrayBuffer())
  return { bytes, name, contentType, metadata: metadata.data }
}

/** RFC 9110 without the grammar of its parameters: printable ASCII. */
const MEDIA_TYPE = /^[\w.+-]+\/[\w.+-]+( *;[ -~]*)?$/

const Metadata = z
  .string()
  .max(16 * 1024)
  .transform((text, ctx): unknown => {
    const fault = jsonFault(text)
    if (fault) ctx.addIssue(fault.message)
    else
      try {
        return JSON.parse(text)
      } catch {
        ctx.addIssue('not JSON')
      }
    return z.NEVER
  })
  .pipe(z.record(z.string(), z.unknown()))

/** Clients send small fields as text or, to declare their type, as files. */
const textOf = async (part: File | string | null) => (part instanceof File ? part.text() : (part ?? undefined))

function shown(c: Context<AppEnv>, file: FileRow): UploadedFile {
  const path = `${originOf(c)}/v1/files/${file.id}/download`
  return {
    id: file.id,
    name: file.name,
    content_type: file.contentType,
    size: file.size,
    etag: file.sha256,
    checksums: { sha256: file.sha256 },
    metadata: file.metadata,
    created_at: new Date(file.createdAt).toISOString(),
    expires_at: new Date(file.expiresAt).toISOString(),
    urls: { get: signUrl(path, file.expiresAt, c.var.settings, c.var.apiKey.linkGeneration) },
  }
}

const noSuchFile = (id: string) => new ProblemError('not-found', `no file ${id} under this API key`)
