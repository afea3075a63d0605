/** `DELETE /stories/{id}`, and the removal of stories whose retention is over. */
import { createRoute } from '@hono/zod-openapi'
import { isTerminal, Story } from '../../../contract/story-view.ts'
import type { Db } from '../../db/client.ts'
import { cancel } from '../../db/queue/cancel.ts'
import {
  expiredStories,
  keepNothing,
  markFilesRemoved,
  removeContent,
  storiesWithFilesLeft,
} from '../../db/stories/removal.ts'
import type { Bindings } from '../../platform/env.ts'
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
    202: json(Story, 'It is running, and will be erased once it has stopped'),
    204: { description: 'It is erased; the same if it had been before' },
    ...problems('unauthorized', 'not-found'),
  },
})

export const removalRoutes = newRoutes().openapi(erase, async (c) => {
  const { db, settings, tools, apiKey } = c.var
  const { id } = c.req.valid('param')
  const found = await cancel(db, id, apiKey.id, tools.now())
  if (!found) throw noSuchStory(id)
  if (!isTerminal(found.story.status)) await keepNothing(db, id)
  // It may have ended between the two statements above.
  await removeContent(db, [id], tools.now())
  announce(c, id)
  if (!isTerminal(found.story.status)) return c.json(viewOf(found, settings), 202)
  await removeFiles(c.env, db, id)
  return c.body(null, 204)
})

/** Erase what is over, and the pictures of what was erased. Part of what happens once a minute. */
export async function sweepContent(env: Bindings, db: Db, now: number): Promise<void> {
  for (let ids = await expiredStories(db, now); ids.length > 0; ids = await expiredStories(db, now))
    await removeContent(db, ids, now)
  for (const id of await storiesWithFilesLeft(db)) await removeFiles(env, db, id)
}

/** All that was ever stored of the story, also by runners whose lease was over. */
async function removeFiles(env: Bindings, db: Db, id: string): Promise<void> {
  for (;;) {
    const { objects } = await env.IMAGES.list({ prefix: `stories/${id}/` })
    if (objects.length === 0) break
    await env.IMAGES.delete(objects.map(({ key }) => key))
  }
  await markFilesRemoved(db, id)
}
