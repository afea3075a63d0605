/** `/v1/predictions`: stories under Replicate's names. The clients of that wire work unmodified. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import {
  ModelPredictionRequest,
  Prediction,
  PredictionList,
  PredictionRequest,
  storyOf,
} from '../../../contract/prediction.ts'
import { pointer } from '../../../contract/problem.ts'
import type { WebhookEvent } from '../../../contract/story.ts'
import { isTerminal, StoryId } from '../../../contract/story-view.ts'
import { cancel } from '../../db/queue/cancel.ts'
import { findStory, listStories, type StoryWithFrames } from '../../db/stories/stories.ts'
import { findRef, type ModelRef, refOf } from '../../views/model-ref.ts'
import { predictionOf } from '../../views/prediction.ts'
import { announce } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { pageOf, parseCursor } from '../http/paging.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems, SpanQuery, spanOf } from '../http/routes.ts'
import { servedModels } from '../http/served-models.ts'
import { accept } from '../stories/accept.ts'
import { awaitEnd } from '../stories/follow.ts'
import { byStory, CreateHeaders } from '../stories/stories.ts'
import { applied, parsePrefer } from './prefer.ts'

const PAGE = 50

/** What each event of a prediction is called among those of a story. */
const EVENTS = { start: 'start', output: 'frame', logs: 'progress', completed: 'completed' } as const satisfies Record<
  string,
  WebhookEvent
>

const tags = ['Replicate']
const security = [{ apiKey: [] }]
const params = z.object({ id: StoryId })
const prefer = z.object({
  prefer: z.string().optional().describe('`wait` or `wait=n`: hold the answer for up to 55 s. `aborted`: see `status`'),
})
const ListQuery = SpanQuery.extend({ cursor: z.string().optional().describe('From `next`') })
const createHeaders = prefer.extend(CreateHeaders.shape)
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  required: true,
  content: { 'application/json': { schema } },
})
const refusals = {
  ...problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type'),
  ...problems('validation', 'idempotency-mismatch', 'queue-full'),
}
const created = json(Prediction, 'Accepted: `starting`, or what it ended as while the answer was held')

const create = createRoute({
  method: 'post',
  path: '/v1/predictions',
  summary: 'Create a prediction',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: { headers: createHeaders, body: body(PredictionRequest) },
  responses: { 201: created, ...refusals },
})

const createForModel = createRoute({
  method: 'post',
  path: '/v1/models/{owner}/{name}/predictions',
  summary: 'Create a prediction of a model',
  tags,
  security,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: {
    params: z.object({ owner: z.string(), name: z.string() }),
    headers: createHeaders,
    body: body(ModelPredictionRequest),
  },
  responses: { 201: created, ...refusals, ...problems('not-found') },
})

const read = createRoute({
  method: 'get',
  path: '/v1/predictions/{id}',
  summary: 'Read a prediction',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params, headers: prefer },
  responses: { 200: json(Prediction, 'The prediction'), ...problems('unauthorized', 'not-found') },
})

const list = createRoute({
  method: 'get',
  path: '/v1/predictions',
  summary: 'List predictions, newest first',
  description: 'Stories that were posted to `/stories` are listed too.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { headers: prefer, query: ListQuery },
  responses: { 200: json(PredictionList, 'A page'), ...problems('unauthorized', 'validation') },
})

const stop = createRoute({
  method: 'post',
  path: '/v1/predictions/{id}/cancel',
  summary: 'Cancel a prediction',
  description: 'One that is `starting` ends at once, one that is `processing` within a heartbeat.',
  tags,
  security,
  middleware: [requireApiKey] as const,
  request: { params, headers: prefer },
  responses: {
    200: json(Prediction, 'The prediction; unchanged if it had ended before'),
    ...problems('unauthorized', 'not-found'),
  },
})

export const predictionRoutes = newRoutes()
  .openapi(create, async (c) => {
    const request = c.req.valid('json')
    const models = await modelNames(c)
    const ref = findRef(models, request.version)
    if (!ref) {
      const served = models.map(refOf).map(({ owner, name }) => `${owner}/${name}`)
      const message = `no version or model ${request.version}; served are ${served.join(', ')}`
      throw invalid([{ pointer: '/version', message }])
    }
    return answer(c, ref, request, c.req.valid('header')['idempotency-key'])
  })
  .openapi(createForModel, async (c) => {
    const { owner, name } = c.req.valid('param')
    const idempotencyKey = c.req.valid('header')['idempotency-key']
    return answer(c, await requireModel(c, owner, name), c.req.valid('json'), idempotencyKey)
  })
  .openapi(read, async (c) => {
    const { id } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.apiKey.id)
    if (!found) throw noSuchPrediction(id)
    return c.json(shown(c, found), 200)
  })
  .openapi(list, async (c) => {
    const { cursor, ...times } = c.req.valid('query')
    const listing = { apiKeyId: c.var.apiKey.id, ...spanOf(times) }
    const rows = await listStories(c.var.db, listing, parseCursor(cursor), PAGE + 1)
    const { page, next } = pageOf(c, rows, { limit: PAGE, query: times, cursorOf: byStory })
    return c.json({ previous: null, next, results: page.map((found) => shown(c, found)) }, 200)
  })
  .openapi(stop, async (c) => {
    const { db, tools, apiKey } = c.var
    const { id } = c.req.valid('param')
    const found = await cancel(db, id, apiKey.id, tools.now())
    if (!found) throw noSuchPrediction(id)
    announce(c, found.story.id)
    return c.json(shown(c, found), 200)
  })

/** The model of a path; throws `not-found`. */
export async function requireModel(c: Context<AppEnv>, owner: string, name: string): Promise<ModelRef> {
  const models = await modelNames(c)
  const ref = findRef(models, `${owner}/${name}`)
  if (ref) return ref
  const served = models.map(refOf).map(({ owner, name }) => `${owner}/${name}`)
  throw new ProblemError('not-found', `no model ${owner}/${name}; served are ${served.join(', ')}`)
}

const modelNames = async (c: Context<AppEnv>) => (await servedModels(c)).map(({ name }) => name)

/** Accept the story; then hold the answer for as long as was asked, or until it has ended. */
async function answer(
  c: Context<AppEnv>,
  { model }: ModelRef,
  request: z.infer<typeof ModelPredictionRequest>,
  idempotencyKey: string | undefined,
) {
  const { input, webhook, webhook_events_filter: events } = request
  const announced = (await servedModels(c)).find(({ name }) => name === model)?.announced
  const translated = storyOf(input, announced?.abilities)
  if ('faults' in translated)
    throw invalid(translated.faults.map(({ path, message }) => ({ pointer: pointer(['input', ...path]), message })))
  const subscribed = { webhook, webhook_events_filter: events.map((event) => EVENTS[event]) }
  const starting = (found: StoryWithFrames) => ({ ...shown(c, found), status: 'starting' as const })
  const accepted = await accept<Prediction>(
    c,
    { ...translated.story, model, ...subscribed },
    {
      idempotencyKey,
      prediction: { input, events },
      answerOf: (story) => {
        const body = starting({ story, frames: [], linkGeneration: c.var.apiKey.linkGeneration })
        return { status: 201, location: body.urls.get, body }
      },
    },
  )
  const { location, body } = accepted.answer
  const preferences = parsePrefer(c.req.header('prefer'))
  const found = await settled(c, accepted.storyId, (preferences.waitSeconds ?? 0) * 1000)
  // Whatever is not over is `starting` here: replicate-javascript takes any other status for the end, and no output yet
  // for an empty one.
  const view = !found ? body : isTerminal(found.story.status) ? shown(c, found) : starting(found)
  const appliedTo = applied(preferences)
  return c.json(view, 201, { location, ...accepted.headers, ...(appliedTo && { 'preference-applied': appliedTo }) })
}

/** The story once it has ended, or as it is after `ms`, or when the client has gone; undefined when nobody wants to wait. */
async function settled(c: Context<AppEnv>, id: string, ms: number): Promise<StoryWithFrames | undefined> {
  if (ms === 0) return undefined
  const { db, tools, apiKey } = c.var
  const { signal } = c.req.raw
  return awaitEnd(c.env, id, { db, reader: apiKey.id }, { until: tools.now() + ms, now: tools.now, signal })
}

const shown = (c: Context<AppEnv>, found: StoryWithFrames) =>
  predictionOf(found, c.var.settings, parsePrefer(c.req.header('prefer')).aborted)

const noSuchPrediction = (id: string) => new ProblemError('not-found', `no prediction ${id} under this API key`)
