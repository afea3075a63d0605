/** `PUT /runner/stories/{id}/storyboard.webp` and `…/book.pdf`: what a runner makes of a story besides pictures in PNG. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { MAX_BOOK_BYTES, StoredFile } from '../../../contract/runner.ts'
import type { Page } from '../../db/stories/page-columns.ts'
import { keepPage } from '../../db/stories/pages.ts'
import { announce } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { limitBody } from '../http/body.ts'
import { invalid } from '../http/problems.ts'
import { binary, json, newRoutes, problems } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'
import { StoryParams } from '../stories/stories.ts'
import { LeaseHeaders, leaseOf, leaseProblems } from './lease.ts'
import { limitPicture, storeFile } from './store-picture.ts'

const common = { method: 'put' as const, tags: ['Runner'], security: [{ runnerToken: [] }] }
const responses = {
  200: json(StoredFile, 'What is stored; a file that was there before stays'),
  ...leaseProblems,
  ...problems('too-large', 'validation'),
}

const webpRoute = createRoute({
  ...common,
  path: '/runner/stories/{id}/storyboard.webp',
  summary: 'Upload the storyboard as WebP',
  middleware: [requireRunner, limitPicture] as const,
  request: {
    params: StoryParams,
    headers: LeaseHeaders,
    body: { required: true, content: { 'image/webp': { schema: binary() } } },
  },
  responses,
})

const bookRoute = createRoute({
  ...common,
  path: '/runner/stories/{id}/book.pdf',
  summary: 'Upload the story as a picture book',
  middleware: [requireRunner, limitBody(MAX_BOOK_BYTES)] as const,
  request: {
    params: StoryParams,
    headers: LeaseHeaders,
    body: { required: true, content: { 'application/pdf': { schema: binary() } } },
  },
  responses,
})

interface FileType {
  readonly extension: string
  readonly contentType: string
  /** By the first and the last bytes, as Latin-1. */
  readonly isWhole: (start: string, end: string) => boolean
}
const WEBP: FileType = {
  extension: 'webp',
  contentType: 'image/webp',
  isWhole: (start) => start.startsWith('RIFF') && start.startsWith('WEBP', 8),
}
const PDF: FileType = {
  extension: 'pdf',
  contentType: 'application/pdf',
  isWhole: (start, end) => start.startsWith('%PDF-') && end.trimEnd().endsWith('%%EOF'),
}

export const runnerPageRoutes = newRoutes()
  .openapi(webpRoute, async (c) => c.json(await storePageFile(c, c.req.valid('param').id, 'storyboardWebp', WEBP), 200))
  .openapi(bookRoute, async (c) => c.json(await storePageFile(c, c.req.valid('param').id, 'bookPdf', PDF), 200))

async function storePageFile(c: Context<AppEnv>, storyId: string, page: Page, type: FileType) {
  const { id, leaseToken, db } = leaseOf(c, storyId)
  const { extension, contentType, isWhole } = type
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  if (!isWhole(latin1(bytes.subarray(0, 16)), latin1(bytes.subarray(-16))))
    throw invalid([{ pointer: '', message: `the body is no whole ${extension.toUpperCase()} file` }])
  const kept = await storeFile(c, id, { bytes, extension, contentType }, (file) =>
    keepPage(db, id, leaseToken, page, file),
  )
  announce(c, id)
  return { sha256: kept.sha256 }
}

const latin1 = (bytes: Uint8Array) => String.fromCharCode(...bytes)
