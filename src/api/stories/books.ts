/**
 * `GET /stories/{id}/book.pdf`, `…/book.epub` and `…/story.zip`: a finished story to take away. Its runner has made the
 * PDF. The others are made of the stored pictures while they are sent, one picture in memory at a time.
 */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { bookOf, fileNameOf } from '../../../books/book.ts'
import { epub } from '../../../books/epub.ts'
import { storyZip } from '../../../books/story-zip.ts'
import { isTerminal } from '../../../contract/story-view.ts'
import type { FrameRow } from '../../db/schema/stories.ts'
import { findStory, type StoryWithFrames } from '../../db/stories/stories.ts'
import { sha256 } from '../../platform/ids.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireReader } from '../http/auth.ts'
import { isKnownTo } from '../http/if-none-match.ts'
import { ProblemError } from '../http/problems.ts'
import { binary, newRoutes, openToLinks, problems } from '../http/routes.ts'
import { sendPicture } from './pictures.ts'
import { noSuchStory, StoryParams } from './stories.ts'

/** Part of the entity tags of what is made here: another number, another file of the same story. */
const EDITION = 1

const PDF = 'application/pdf'
const EPUB = 'application/epub+zip'
const ZIP = 'application/zip'

const common = {
  method: 'get' as const,
  tags: ['Stories'],
  security: openToLinks,
  request: { params: StoryParams },
}

const file = (type: string, description: string) => ({
  200: { description, content: { [type]: { schema: binary() } } },
  304: { description: 'Unchanged' },
  ...problems('unauthorized', 'not-found', 'not-ended', 'no-book'),
})

const pdfRoute = createRoute({
  ...common,
  middleware: [requireReader] as const,
  path: '/stories/{id}/book.pdf',
  summary: 'The story as a picture book to print',
  description:
    'Square pages: a cover, then the `text` of each frame (or its prompt) beside its picture, and a back. ' +
    'Made by the runner of a story that succeeds.',
  responses: {
    ...file(PDF, 'The book'),
    206: { description: 'The range of bytes that was asked for', content: { [PDF]: { schema: binary() } } },
    ...problems('range-not-satisfiable'),
  },
})

const epubRoute = createRoute({
  ...common,
  middleware: [requireReader] as const,
  path: '/stories/{id}/book.epub',
  summary: 'The story as a picture book for e-readers',
  description: 'EPUB 3 with fixed layout, of a story that succeeded. The prompts are the alternative texts.',
  responses: file(EPUB, 'The book'),
})

const zipRoute = createRoute({
  ...common,
  middleware: [requireReader] as const,
  path: '/stories/{id}/story.zip',
  summary: 'All pictures of a story, and what they were made from',
  description:
    '`frames/01.png` and so on, `captions.txt`, `story.json`, and the storyboard if there is one. Of a story that has ' +
    'ended with at least one frame.',
  responses: file(ZIP, 'The archive'),
})

export const bookRoutes = newRoutes()
  .openapi(pdfRoute, async (c) => {
    const { story } = await endedStory(c, c.req.valid('param').id, 'book.pdf')
    if (!story.bookPdf) throw new ProblemError('no-book', `the runner of story ${story.id} made no book.pdf`)
    return sendPicture(c, story.bookPdf, 'private, no-cache', headersOf(story.request, PDF, 'pdf'))
  })
  .openapi(epubRoute, async (c) => {
    const found = await endedStory(c, c.req.valid('param').id, 'book.epub')
    const { story, frames } = found
    const pictures = frames.map((frame) => pictureIn(c, frame))
    const modified = new Date(story.completedAt ?? story.createdAt)
    const headers = headersOf(story.request, EPUB, 'epub')
    return sendStream(c, found, headers, () => epub(bookOf(story.request), { id: story.id, modified, pictures }))
  })
  .openapi(zipRoute, async (c) => {
    const found = await endedStory(c, c.req.valid('param').id, 'story.zip')
    const { story, frames } = found
    const { id, model, seed, request, storyboard } = story
    const pictures = frames.map((frame) => ({ ...pictureIn(c, frame), index: frame.index, seed: frame.seed }))
    const completedAt = new Date(story.completedAt ?? story.createdAt)
    const readStoryboard = storyboard ? () => readObject(c, storyboard.key) : undefined
    const archived = { id, model, seed, request, completedAt, frames: pictures, readStoryboard }
    return sendStream(c, found, headersOf(request, ZIP, 'zip'), () => storyZip(archived))
  })

/** A story with what `file` takes: for a book all frames, for the archive any. */
async function endedStory(c: Context<AppEnv>, id: string, file: string): Promise<StoryWithFrames> {
  const found = await findStory(c.var.db, id, c.var.reader)
  if (!found) throw noSuchStory(id)
  const { story, frames } = found
  if (story.dataRemovedAt !== null) throw new ProblemError('not-found', `story ${id} was erased`)
  if (!isTerminal(story.status))
    throw new ProblemError('not-ended', `story ${id} is ${story.status}; ${file} is there when it has ended`)
  const there = `story ${id} ended as ${story.status} with ${frames.length} of ${story.frameCount} frames`
  if (frames.length === 0) throw new ProblemError('no-book', there)
  if (file !== 'story.zip' && frames.length < story.frameCount)
    throw new ProblemError('no-book', `${there}; a book needs all`)
  return found
}

/** Saved under the title of the story (RFC 6266, RFC 8187). */
function headersOf(
  { title }: { title: string | null },
  contentType: string,
  extension: string,
): Record<string, string> {
  const name = fileNameOf(title ?? '', extension)
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const extended = encodeURIComponent(name).replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16)}`)
  return {
    'content-type': contentType,
    'content-disposition': `attachment; filename="${plain}"; filename*=UTF-8''${extended}`,
  }
}

const pictureIn = (c: Context<AppEnv>, { key, width, height }: FrameRow) => ({
  width,
  height,
  read: () => readObject(c, key),
})

async function readObject(c: Context<AppEnv>, key: string): Promise<Uint8Array> {
  const object = key && (await c.env.IMAGES.get(key))
  if (!object) throw new ProblemError('not-found', 'a picture of the story is no longer stored')
  return new Uint8Array(await object.arrayBuffer())
}

/** Sends what is made while it is sent. A picture that cannot be read breaks the answer off, so that nobody takes it for whole. */
async function sendStream(
  c: Context<AppEnv>,
  { story, frames }: StoryWithFrames,
  about: Record<string, string>,
  make: () => AsyncGenerator<Uint8Array>,
) {
  const parts = [EDITION, story.completedAt, story.request, ...frames.map(({ sha256 }) => sha256)]
  const etag = `"${await sha256(new TextEncoder().encode(JSON.stringify(parts)))}"`
  const headers = { etag, 'cache-control': 'private, no-cache' }
  if (isKnownTo(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers)
  return c.body(ReadableStream.from(make()), 200, { ...headers, ...about })
}
