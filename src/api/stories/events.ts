/** `GET /stories/{id}/events`: the story as server-sent events. */
import { createRoute } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { z } from 'zod'
import { isTerminal } from '../../../contract/story-view.ts'
import { findStory } from '../../db/stories/stories.ts'
import type { Tools } from '../../platform/env.ts'
import { viewOf } from '../../views/story.ts'
import { requireReader } from '../http/auth.ts'
import { newRoutes, openToLinks, problems } from '../http/routes.ts'
import { follow } from './follow.ts'
import { noSuchStory, StoryParams } from './stories.ts'

/** When a client comes back whose connection broke: not all at the same moment, if it was ours that broke them. */
const RETRY_MS = { least: 1_000, most: 4_000 }

const events = createRoute({
  method: 'get',
  path: '/stories/{id}/events',
  summary: 'Follow a story (server-sent events)',
  description:
    'An event `story` with the whole story, at once and after each change; its id is the `version` of the story. A ' +
    'client that reconnects with `Last-Event-ID` gets the present version, if it is a newer one. A comment is sent after ' +
    'every 15 seconds without a change. The stream ends after the terminal state; reconnecting then is answered 204.\n\n' +
    '`urls.events` of a story is a link to this route that needs no API key for 7 days from the creation of the story, ' +
    'for `EventSource` in a browser.',
  tags: ['Stories'],
  security: openToLinks,
  middleware: [requireReader] as const,
  request: {
    params: StoryParams,
    headers: z.object({ 'last-event-id': z.string().optional().describe('The id of the last event that arrived') }),
  },
  responses: {
    200: { description: 'Stream', content: { 'text/event-stream': { schema: z.string() } } },
    204: { description: 'The story has ended, and the client has its last version' },
    ...problems('unauthorized', 'not-found'),
  },
})

export const eventRoutes = newRoutes().openapi(events, async (c) => {
  const { db, settings, reader } = c.var
  const { id } = c.req.valid('param')
  const found = await findStory(db, id, reader)
  if (!found) throw noSuchStory(id)
  const after = knownVersion(c.req.header('last-event-id'), found.story.version)
  if (isTerminal(found.story.status) && after === found.story.version) return c.body(null, 204)
  return streamSSE(c, async (stream) => {
    await stream.write(`retry: ${retryMs(c.var.tools.randomBytes)}\n\n`)
    for await (const change of follow(c.env, id, { db, reader, after })) {
      if (stream.aborted) return
      if (!change) await stream.write(': still here\n\n')
      else {
        const data = JSON.stringify(viewOf(change, settings))
        await stream.writeSSE({ event: 'story', id: String(change.story.version), data })
      }
    }
  })
})

export function retryMs(randomBytes: Tools['randomBytes']): number {
  const random = new DataView(randomBytes(4).buffer).getUint32(0) / 2 ** 32
  return Math.round(RETRY_MS.least + random * (RETRY_MS.most - RETRY_MS.least))
}

/** An id that the edge did not send counts as no id. */
function knownVersion(lastEventId: string | undefined, version: number): number {
  const known = /^\d{1,15}$/.test(lastEventId ?? '') ? Number(lastEventId) : 0
  return known <= version ? known : 0
}
