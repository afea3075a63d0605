/** The pictures of a story, and the story as a stream of events. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { streamSSE } from 'hono/streaming'
import { z } from 'zod'
import { isTerminal, LIMITS, StoryId } from '../../contract/story.ts'
import { findStory, versionOf } from '../db/stories.ts'
import { requireApiKey, requireApiKeyOrLink } from './auth.ts'
import type { AppEnv } from './env.ts'
import { ProblemError } from './problems.ts'
import { newRoutes, openToLinks, png, problems } from './routes.ts'
import { noSuchStory, StoryParams } from './stories.ts'
import { viewOf } from './view.ts'

const POLL_MS = 500
const COMMENT_EVERY_MS = 15_000
/** A stream ends before a Worker's bound of 1 000 queries; an EventSource comes back by itself. */
const MAX_POLLS = 600

const tags = ['Stories']
const security = [{ apiKey: [] }]

/** `0.png` … `11.png` */
const File = z
  .string()
  .regex(/^\d{1,2}\.png$/, `frames are named 0.png to ${LIMITS.frames - 1}.png`)
  .transform((name) => Number.parseInt(name, 10))

const frame = createRoute({
  method: 'get',
  path: '/stories/{id}/frames/{file}',
  summary: 'One frame as PNG',
  tags,
  security: openToLinks,
  middleware: [requireApiKeyOrLink] as const,
  request: { params: z.object({ id: StoryId, file: File }) },
  responses: { 200: png, 304: { description: 'Unchanged' }, ...problems('unauthorized', 'not-found') },
})

const storyboard = createRoute({
  method: 'get',
  path: '/stories/{id}/storyboard.png',
  summary: 'All frames with their captions on one page',
  tags,
  security: openToLinks,
  middleware: [requireApiKeyOrLink] as const,
  request: { params: StoryParams },
  responses: { 200: png, 304: { description: 'Unchanged' }, ...problems('unauthorized', 'not-found') },
})

const events = createRoute({
  method: 'get',
  path: '/stories/{id}/events',
  summary: 'Follow a story (server-sent events)',
  description: 'An event `story` with the whole story after each change; the stream ends once the story has.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    200: { description: 'Stream', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems('unauthorized', 'not-found'),
  },
})

export const pictureRoutes = newRoutes()
  .openapi(frame, async (c) => {
    const { id, file: index } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.readerId)
    if (!found) throw noSuchStory(id)
    const picture = found.frames.find((row) => row.index === index)
    if (!picture) throw new ProblemError('not-found', `frame ${index} of story ${id} is not there (yet)`)
    return sendPicture(c, picture)
  })
  .openapi(storyboard, async (c) => {
    const { id } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.readerId)
    if (!found) throw noSuchStory(id)
    if (!found.story.storyboard) throw new ProblemError('not-found', `story ${id} has no storyboard (yet)`)
    return sendPicture(c, found.story.storyboard)
  })
  .openapi(events, async (c) => {
    const { db, apiKey, settings, tools } = c.var
    const { id } = c.req.valid('param')
    if ((await versionOf(db, id, apiKey.id)) === undefined) throw noSuchStory(id)
    return streamSSE(c, async (stream) => {
      let shown = Number(c.req.header('last-event-id') ?? 0)
      let lastWrite = tools.now()
      for (let polls = 0; polls < MAX_POLLS && !stream.aborted; polls++) {
        const version = await versionOf(db, id, apiKey.id)
        const found = version === shown ? undefined : await findStory(db, id, apiKey.id)
        if (found) {
          shown = found.story.version
          lastWrite = tools.now()
          await stream.writeSSE({ event: 'story', id: String(shown), data: JSON.stringify(viewOf(found, settings)) })
          if (isTerminal(found.story.status)) return
        } else if (tools.now() - lastWrite >= COMMENT_EVERY_MS) {
          lastWrite = tools.now()
          await stream.write(': still here\n\n')
        }
        await stream.sleep(POLL_MS)
      }
    })
  })

/** A stored picture never changes, so its hash is its entity tag for good. */
export async function sendPicture(c: Context<AppEnv>, { key, sha256 }: { key: string; sha256: string }) {
  const headers = { etag: `"${sha256}"`, 'cache-control': 'private, max-age=31536000, immutable' }
  if (c.req.header('if-none-match') === headers.etag) return c.body(null, 304, headers)
  const object = await c.env.IMAGES.get(key)
  if (!object) throw new ProblemError('not-found', 'the picture is no longer stored')
  return c.body(await object.arrayBuffer(), 200, { ...headers, 'content-type': 'image/png' })
}
