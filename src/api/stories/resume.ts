/** `POST /stories/{id}/resume` for apps, and `POST /admin/stories/{id}/redrive` for operators. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { isTerminal, Story } from '../../../contract/story-view.ts'
import { audit } from '../../db/keys/audit.ts'
import { resume } from '../../db/queue/resume.ts'
import { findStory } from '../../db/stories/stories.ts'
import { freezeMessages } from '../../durable/delivery.ts'
import { viewOf } from '../../views/story.ts'
import { actorOf } from '../http/actor.ts'
import { announceReady } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { requireRoom } from './queue-room.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const security = [{ apiKey: [] }]

const resumeRoute = createRoute({
  method: 'post',
  path: '/stories/{id}/resume',
  summary: 'Resume a story',
  description:
    'Queues a story again that failed, was canceled or has expired. Finished frames are kept and the others are generated, with as many attempts as a new story has. A story that is queued or running is answered as it is, so it is safe to repeat the call.',
  tags: ['Stories'],
  security,
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    200: json(Story, 'The story, queued or under way'),
    ...problems('unauthorized', 'not-found', 'not-resumable', 'queue-full'),
  },
})

const redriveRoute = createRoute({
  method: 'post',
  path: '/admin/stories/{id}/redrive',
  summary: 'Queue a dead letter again, of any API key',
  description: 'For operators, once the machines work again. Applies to stories with `dead_letter: true`.',
  tags: ['Operations'],
  security,
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    200: json(Story, 'The story, queued'),
    ...problems('unauthorized', 'forbidden', 'not-found', 'not-resumable'),
  },
})

export const resumeRoutes = newRoutes()
  .openapi(resumeRoute, async (c) => {
    const { db, settings, apiKey } = c.var
    const { id } = c.req.valid('param')
    requireRoom(apiKey)
    const resumed = await resumeFrozen(c, id, { apiKeyId: apiKey.id })
    const found = await findStory(db, id, apiKey.id)
    if (!found) throw noSuchStory(id)
    if (!resumed && isTerminal(found.story.status))
      throw notResumable(`story ${id} ${found.story.dataRemovedAt === null ? 'has succeeded' : 'was erased'}`)
    if (resumed) announceReady(c, id)
    return c.json(viewOf(found, settings), 200)
  })
  .openapi(redriveRoute, async (c) => {
    const { db, settings, tools } = c.var
    const { id } = c.req.valid('param')
    await audit(db, { ...actorOf(c), action: 'story.redriven', target: id }, tools.now())
    const redriven = await resumeFrozen(c, id, { deadLetter: true })
    const found = await findStory(db, id)
    if (!found) throw new ProblemError('not-found', `no story ${id}`)
    if (!redriven) throw notResumable(`story ${id} is ${found.story.status} and no dead letter`)
    announceReady(c, id)
    return c.json(viewOf(found, settings), 200)
  })

/** Resume the story, once every webhook that is still to be sent about it shows the story as it was. */
async function resumeFrozen(c: Context<AppEnv>, id: string, whose: Parameters<typeof resume>[2]): Promise<boolean> {
  const { db, settings, tools } = c.var
  for (;;) {
    if (await resume(db, id, whose, tools.now())) return true
    if ((await freezeMessages(db, id, settings)) === 0) return false
  }
}

const notResumable = (detail: string) => new ProblemError('not-resumable', detail)
