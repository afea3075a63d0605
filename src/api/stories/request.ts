/** `GET /stories/{id}/request`: what a story was asked for, to be shown, changed and asked for again. */
import { createRoute } from '@hono/zod-openapi'
import { StoryRequest } from '../../../contract/story.ts'
import { findStory } from '../../db/stories/stories.ts'
import { requireApiKey } from '../http/auth.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const readRoute = createRoute({
  method: 'get',
  path: '/stories/{id}/request',
  summary: 'Read what a story was asked for',
  description:
    'Cast, prompts and settings, with all frames that were added since. Kept characters are put in, and pictures that ' +
    'the edge keeps are named by `sha256:…`: name the bank of the story to have these characters again.',
  tags: ['Stories'],
  security: [{ apiKey: [] }],
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: { 200: json(StoryRequest, 'The request'), ...problems('unauthorized', 'not-found') },
})

export const requestRoutes = newRoutes().openapi(readRoute, async (c) => {
  const { id } = c.req.valid('param')
  const found = await findStory(c.var.db, id, c.var.apiKey.id)
  if (!found) throw noSuchStory(id)
  const { request, dataRemovedAt } = found.story
  if (dataRemovedAt !== null) throw new ProblemError('not-found', `the texts of story ${id} were removed`)
  return c.json(request, 200, { 'cache-control': 'private, no-cache' })
})
