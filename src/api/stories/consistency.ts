/** `GET /stories/{id}/consistency.png`: the page that shows how consistent a story is. */
import { createRoute } from '@hono/zod-openapi'
import { findStory } from '../../db/stories/stories.ts'
import { requireReader } from '../http/auth.ts'
import { ProblemError } from '../http/problems.ts'
import { newRoutes, openToLinks, png, problems } from '../http/routes.ts'
import { sendPicture } from './pictures.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const readRoute = createRoute({
  method: 'get',
  path: '/stories/{id}/consistency.png',
  summary: 'All frames with every character outlined, and how alike they are',
  tags: ['Stories'],
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: StoryParams },
  responses: {
    200: png,
    206: { ...png, description: 'The range of bytes that was asked for' },
    304: { description: 'Unchanged' },
    ...problems('unauthorized', 'not-found', 'range-not-satisfiable'),
  },
})

export const consistencyRoutes = newRoutes().openapi(readRoute, async (c) => {
  const { id } = c.req.valid('param')
  const found = await findStory(c.var.db, id, c.var.reader)
  if (!found) throw noSuchStory(id)
  const { consistencySheet } = found.story
  if (!consistencySheet) throw new ProblemError('not-found', `story ${id} has no consistency.png (yet)`)
  // A story that is continued has another one then.
  return sendPicture(c, consistencySheet, 'private, no-cache')
})
