/** The pictures of a story. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { LIMITS } from '../../../contract/story.ts'
import { StoryId } from '../../../contract/story-view.ts'
import { findFrame } from '../../db/stories/frames.ts'
import { findStory } from '../../db/stories/stories.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireReader } from '../http/auth.ts'
import { byteRangeOf } from '../http/byte-range.ts'
import { isKnownTo } from '../http/if-none-match.ts'
import { ProblemError } from '../http/problems.ts'
import { binary, newRoutes, openToLinks, png, problems } from '../http/routes.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const tags = ['Stories']
const partial = {
  206: { ...png, description: 'The range of bytes that was asked for' },
  304: { description: 'Unchanged' },
}

/** `0.png` … `47.png`; `2-1.png` is the third frame, redrawn once. */
const File = z
  .string()
  .regex(/^\d{1,2}(-[1-9]\d{0,3})?\.png$/, `frames are named 0.png to ${LIMITS.storyFrames - 1}.png`)
  .transform((name) => {
    const [index = 0, revision = 0] = name.replace('.png', '').split('-').map(Number)
    return { index, revision }
  })

const frame = createRoute({
  method: 'get',
  path: '/stories/{id}/frames/{file}',
  summary: 'One frame as PNG',
  tags,
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: z.object({ id: StoryId, file: File }) },
  responses: { 200: png, ...partial, ...problems('unauthorized', 'not-found', 'range-not-satisfiable') },
})

const storyboard = createRoute({
  method: 'get',
  path: '/stories/{id}/storyboard.png',
  summary: 'All frames with their captions on one page',
  tags,
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: StoryParams },
  responses: { 200: png, ...partial, ...problems('unauthorized', 'not-found', 'range-not-satisfiable') },
})

const storyboardWebp = createRoute({
  method: 'get',
  path: '/stories/{id}/storyboard.webp',
  summary: 'The storyboard as WebP',
  description: 'The same page as `storyboard.png` in a tenth of the bytes, for pages on the web.',
  tags,
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: StoryParams },
  responses: {
    200: { description: 'The page', content: { 'image/webp': { schema: binary() } } },
    206: { description: 'The range of bytes that was asked for', content: { 'image/webp': { schema: binary() } } },
    304: partial[304],
    ...problems('unauthorized', 'not-found', 'range-not-satisfiable'),
  },
})

export const pictureRoutes = newRoutes()
  .openapi(frame, async (c) => {
    const { id, file } = c.req.valid('param')
    const { index, revision } = file
    const found = await findStory(c.var.db, id, c.var.reader)
    if (!found) throw noSuchStory(id)
    const current = found.frames.find((row) => row.index === index && row.revision === revision)
    const picture = current ?? (await findFrame(c.var.db, id, index, revision))
    if (!picture) throw new ProblemError('not-found', `frame ${index} of story ${id} is not there (yet)`)
    return sendPicture(c, picture)
  })
  .openapi(storyboard, async (c) => {
    const { id } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.reader)
    if (!found) throw noSuchStory(id)
    if (!found.story.storyboard) throw new ProblemError('not-found', `story ${id} has no storyboard (yet)`)
    // A story that is continued has another one then.
    return sendPicture(c, found.story.storyboard, 'private, no-cache')
  })
  .openapi(storyboardWebp, async (c) => {
    const { id } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.reader)
    if (!found) throw noSuchStory(id)
    if (!found.story.storyboardWebp) throw new ProblemError('not-found', `story ${id} has no storyboard.webp (yet)`)
    return sendPicture(c, found.story.storyboardWebp, 'private, no-cache', { 'content-type': 'image/webp' })
  })

/** A stored file never changes, so its hash is its entity tag. Most names stand for one picture for ever. */
export async function sendPicture(
  c: Context<AppEnv>,
  { key, sha256 }: { key: string; sha256: string },
  caching = 'private, max-age=31536000, immutable',
  about: Record<string, string> = { 'content-type': 'image/png' },
) {
  const headers = {
    etag: `"${sha256}"`,
    'cache-control': caching,
    'accept-ranges': 'bytes',
  }
  // Erased pictures have no key.
  const object = key && (await c.env.IMAGES.head(key))
  if (!object) throw new ProblemError('not-found', 'the file is no longer stored')
  if (isKnownTo(c.req.header('if-none-match'), headers.etag)) return c.body(null, 304, headers)
  const sameAsBefore = [undefined, headers.etag].includes(c.req.header('if-range'))
  const range = sameAsBefore ? byteRangeOf(c.req.header('range'), object.size) : undefined
  const total = `/${object.size}`
  if (range === 'unsatisfiable')
    throw new ProblemError('range-not-satisfiable', `the file has ${object.size} bytes`, undefined, {
      'content-range': `bytes *${total}`,
    })
  const whole = await c.env.IMAGES.get(key)
  if (!whole) throw new ProblemError('not-found', 'the file is no longer stored')
  const bytes = await whole.arrayBuffer()
  const type = { ...headers, ...about }
  if (!range) return c.body(bytes, 200, type)
  const { first, last } = range
  const part = { ...type, 'content-range': `bytes ${first}-${last}${total}` }
  return c.body(bytes.slice(first, last + 1), 206, part)
}
