/** `DELETE /stories/{id}`. */
import { createRoute } from '@hono/zod-openapi'
import { isTerminal, Story } from '../../../contract/story-view.ts'
import { cancel } from '../../db/queue/cancel.ts'
import { keepNothing, removeContent } from '../../db/stories/removal.ts'
import { findStory } from '../../db/stories/stories.ts'
import { deleteStoryObjects } from '../../upkeep/objects.ts'
import { viewOf } from '../../views/story.ts'
import { announce } from '../http/announce.ts'
import { requireApiKey } from '../http/auth.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const erase = createRoute({
  method: 'delete',
  path: '/stories/{id}',
  summary: 'Delete a story',
  description:
    'Its texts, pictures and webhooks are erased; what is left has `data_removed: true`. A queued story is canceled ' +
    'first. A running one is asked to stop, and erased within a minute of its end.',
  tags: ['Stories'],
  security: [{ apiKey: [] }],
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    202: json(Story, 'It will be erased: it has yet to stop, or some of its pictures have yet to be deleted'),
    204: { description: 'It is erased; the same if it had been before' },
    ...problems('unauthorized', 'not-found'),
  },
})

export const removalRoutes = newRoutes().openapi(erase, async (c) => {
  const { db, settings, tools, apiKey } = c.var
  const { id } = c.req.valid('param')
  const found = await cancel(db, id, apiKey.id, tools.now())
  if (!found) throw noSuchStory(id)
  if (!isTerminal(found.story.status)) await keepNothing(db, [id])
  // It may have ended between the two statements above.
  await removeContent(db, [id], tools.now())
  announce(c, id)
  const isErased = isTerminal(found.story.status) && (await deleteStoryObjects(c.env, db, id, tools.now()))
  if (isErased) return c.body(null, 204)
  const left = await findStory(db, id, apiKey.id)
  return c.json(viewOf(left ?? found, settings), 202)
})
