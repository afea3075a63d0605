/** `POST /v1/images/generations`: OpenAI's wire, held until the pictures are done. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { z } from 'zod'
import { PostedStory } from '../../../contract/character.ts'
import { ImagesRequest, ImagesResponse, OpenAiError, storyOfImages } from '../../../contract/openai.ts'
import { issuesOf } from '../../../contract/problem.ts'
import { isTerminal } from '../../../contract/story-view.ts'
import { cancel } from '../../db/queue/cancel.ts'
import type { StoryWithFrames } from '../../db/stories/stories.ts'
import { base64 } from '../../platform/base64.ts'
import { findRef } from '../../views/model-ref.ts'
import { frameUrl } from '../../views/prediction.ts'
import { announce } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { IdempotencyHeaders } from '../http/idempotency.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, newRoutes } from '../http/routes.ts'
import { servedModels } from '../http/served-models.ts'
import { accept } from '../stories/accept.ts'
import { awaitEnd } from '../stories/follow.ts'
import { openAiErrors } from './errors.ts'

/** OpenAI's clients give up after ten minutes. */
const HOLD_MS = 9 * 60_000

const error = (description: string) => json(OpenAiError, description)

const create = createRoute({
  method: 'post',
  path: '/v1/images/generations',
  summary: 'Generate images',
  description:
    "OpenAI's wire: its clients work with only the base URL changed. `n` pictures are the frames of one story, with the same " +
    'character in each. The answer comes when all are done. Fields of theirs that have no use here are taken and passed over.',
  tags: ['OpenAI'],
  security: [{ apiKey: [] }],
  middleware: [openAiErrors, requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: {
    headers: IdempotencyHeaders,
    body: { required: true, content: { 'application/json': { schema: ImagesRequest } } },
  },
  responses: {
    200: json(ImagesResponse, 'The pictures, in the form that was asked for'),
    400: error('`param` names the field that is wrong'),
    401: error('No key, or none that is in force'),
    404: error('The model is not served'),
    429: error('Wait for as many seconds as `Retry-After` says'),
    500: error('The story failed'),
    503: error('The pictures were not done within nine minutes, and were canceled'),
  },
})

export const imageRoutes = newRoutes().openapi(create, async (c) => {
  const wanted = c.req.valid('json')
  const parsed = PostedStory.safeParse({ ...storyOfImages(wanted), ...(await modelOf(c, wanted.model)) })
  if (!parsed.success) throw invalid(issuesOf(parsed.error))
  const { storyId, headers } = await accept(c, parsed.data, {
    idempotencyKey: c.req.valid('header')['idempotency-key'],
    answerOf: ({ id }) => ({ status: 200, location: '', body: { id } }),
  })
  const found = await whenDone(c, storyId)
  const created = Math.floor(found.story.createdAt / 1000)
  const data: z.infer<typeof ImagesResponse>['data'] = []
  // One after the other: several pictures at once may be more than the memory of a Worker.
  for (const frame of found.frames) {
    const shown = wanted.response_format === 'b64_json' ? { b64_json: await base64Of(c, frame.key) } : {}
    const url = wanted.response_format === 'b64_json' ? {} : { url: frameUrl(found, frame, c.var.settings) }
    data.push({ ...url, ...shown, revised_prompt: wanted.prompt })
  }
  return c.json({ created, data }, 200, headers)
})

/** By its own name, or as Replicate's clients call it. Throws `not-found`. */
async function modelOf(c: Context<AppEnv>, name: string | null | undefined): Promise<{ model?: string }> {
  if (name === null || name === undefined) return {}
  const models = (await servedModels(c)).map((model) => model.name)
  const model = models.includes(name) ? name : findRef(models, name)?.model
  if (model === undefined) throw new ProblemError('not-found', `no model ${name}; served are ${models.join(', ')}`)
  return { model }
}

/** The story, all of whose pictures are done; it is canceled when that takes longer than clients wait. */
async function whenDone(c: Context<AppEnv>, id: string): Promise<StoryWithFrames> {
  const { db, tools, apiKey } = c.var
  const until = tools.now() + HOLD_MS
  const found = await awaitEnd(c.env, id, { db, reader: apiKey.id }, { until, now: tools.now })
  if (!found) throw new ProblemError('not-found', `story ${id} was removed`)
  const { status, error } = found.story
  if (status === 'succeeded') return found
  if (isTerminal(status)) throw endedAs(status, error)
  await cancel(db, id, apiKey.id, tools.now())
  announce(c, id)
  throw new ProblemError('unavailable', 'the pictures were not done in time, and were canceled')
}

/** A fault of what was asked for is pointed at; one of ours is not told. */
function endedAs(status: string, error: StoryWithFrames['story']['error']): ProblemError {
  if (status === 'failed' && error?.code === 'invalid_story') return invalid([{ pointer: '', message: error.message }])
  return new ProblemError('internal', `the story ended as ${status}${error ? `: ${error.message}` : ''}`)
}

async function base64Of(c: Context<AppEnv>, key: string): Promise<string> {
  const object = await c.env.IMAGES.get(key)
  if (!object) throw new ProblemError('not-found', 'a picture is no longer stored')
  return base64(new Uint8Array(await object.arrayBuffer()))
}
