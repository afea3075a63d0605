/** `POST /stories/{id}/frames` and `…/frames/{index}/redraw`: a story that has ended is continued, with the same characters. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { MoreFrames, Redraw } from '../../../contract/character.ts'
import { issuesOf } from '../../../contract/problem.ts'
import { LIMITS, StoryRequest } from '../../../contract/story.ts'
import { isTerminal, Story, StoryId } from '../../../contract/story-view.ts'
import { findAnswer } from '../../db/idempotency.ts'
import { reopen, reopenedStory } from '../../db/queue/reopen.ts'
import { findStory, type StoryWithFrames } from '../../db/stories/stories.ts'
import { freezeMessages } from '../../durable/delivery.ts'
import { viewOf } from '../../views/story.ts'
import { announceReady } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { fingerprintOf, REPLAYED, requireSameRequest } from '../http/idempotency.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { servedModels } from '../http/served-models.ts'
import type { Answer } from './accept.ts'
import { parseCancelAfter } from './cancel-after.ts'
import { requireRoom } from './queue-room.ts'
import { CreateHeaders, noSuchStory, StoryParams } from './stories.ts'

/** Tries, while others change the story at the same moment. */
const TRIES = 4

const common = {
  tags: ['Stories'],
  security: [{ apiKey: [] }],
  responses: {
    202: json(Story, 'The story, queued; the header Location names it'),
    ...problems('malformed-json', 'unauthorized', 'not-found', 'too-large', 'unsupported-media-type'),
    ...problems('not-ended', 'no-bank', 'validation', 'idempotency-mismatch', 'queue-full'),
  },
}

const moreRoute = createRoute({
  ...common,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  method: 'post',
  path: '/stories/{id}/frames',
  summary: 'Add frames to a story',
  description:
    'Queues a story that has ended once more. Its frames stay, and the new ones come after them, with the characters ' +
    `of its bank. A story has at most ${LIMITS.storyFrames} frames. Its webhook is sent the next end too.`,
  request: {
    params: StoryParams,
    headers: CreateHeaders,
    body: { required: true, content: { 'application/json': { schema: MoreFrames } } },
  },
})

const redrawRoute = createRoute({
  ...common,
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  method: 'post',
  path: '/stories/{id}/frames/{index}/redraw',
  summary: 'Generate a frame again',
  description:
    'With another prompt, text or seed; the characters are kept. The new picture has a new name. The old ' +
    'picture keeps its name until the story is removed.',
  request: {
    params: z.object({ id: StoryId, index: z.coerce.number().int().min(0) }),
    headers: CreateHeaders,
    body: { required: true, content: { 'application/json': { schema: Redraw } } },
  },
})

export const continueRoutes = newRoutes()
  .openapi(moreRoute, async (c) => {
    const { frames } = c.req.valid('json')
    const { answer, headers } = await continueStory(c, c.req.valid('param').id, {
      idempotencyKey: c.req.valid('header')['idempotency-key'],
      body: frames,
      pointerOf: ({ story }, path) => {
        const [where, index, ...rest] = path
        const added = Number(index) - story.request.frames.length
        return where === 'frames' && added >= 0 ? ['frames', added, ...rest] : path
      },
      framesOf: ({ story }) => [...story.request.frames, ...frames],
    })
    return c.json(answer.body, 202, { location: answer.location, ...headers })
  })
  .openapi(redrawRoute, async (c) => {
    const { id, index } = c.req.valid('param')
    const wanted = c.req.valid('json')
    const newSeed = new DataView(c.var.tools.randomBytes(4).buffer).getUint32(0)
    const { answer, headers } = await continueStory(c, id, {
      idempotencyKey: c.req.valid('header')['idempotency-key'],
      body: wanted,
      redraw: index,
      pointerOf: (_found, path) => (path[0] === 'frames' && path[1] === index ? path.slice(2) : path),
      framesOf: (found) => redrawn(found, index, wanted, newSeed),
    })
    return c.json(answer.body, 202, { location: answer.location, ...headers })
  })

function redrawn({ story, frames }: StoryWithFrames, index: number, wanted: Redraw, newSeed: number) {
  const all = story.request.frames
  const frame = all[index]
  if (!frame) throw new ProblemError('not-found', `story ${story.id} has the frames 0 to ${all.length - 1}`)
  const own = frames.find((row) => row.index === index)?.seed ?? frame.seed
  const { prompt = frame.prompt, characters = frame.characters, text = frame.text } = wanted
  const seed = wanted.seed ?? (wanted.prompt === undefined && wanted.text === undefined ? newSeed : own)
  const rest = { ...(text && { text }), ...(characters && { characters }), ...(seed !== undefined && { seed }) }
  return all.with(index, { prompt, ...rest })
}

interface Continuation {
  idempotencyKey: string | undefined
  /** For the fingerprint. */
  body: unknown
  redraw?: number
  /** Where the body has what the continued story has at `path`. */
  pointerOf: (found: StoryWithFrames, path: readonly PropertyKey[]) => readonly PropertyKey[]
  /** The frames of the continued story. */
  framesOf: (found: StoryWithFrames) => StoryRequest['frames']
}

async function continueStory(c: Context<AppEnv>, id: string, continuation: Continuation) {
  const { idempotencyKey, body, redraw } = continuation
  const { db, settings, tools, apiKey } = c.var
  requireRoom(apiKey)
  const cancelAfterMs = parseCancelAfter(c.req.header('cancel-after'))
  const fingerprint = await fingerprintOf(c, { body, cancelAfterMs })
  const replayed = (earlier: { fingerprint: string; createdAt: number; answer: unknown }) => {
    requireSameRequest({ key: idempotencyKey ?? '', fingerprint }, earlier)
    // The fingerprint covers the path, so the answer was given by this very route.
    return { answer: earlier.answer as Answer<Story>, headers: REPLAYED }
  }
  for (let tries = 0; tries < TRIES; tries++) {
    const now = tools.now()
    const earlier = idempotencyKey && (await findAnswer(db, apiKey.id, idempotencyKey, now))
    if (earlier) return replayed(earlier)
    const found = await findStory(db, id, apiKey.id)
    if (!found) throw noSuchStory(id)
    requireContinuable(
      found,
      (await servedModels(c)).map(({ name }) => name),
    )
    const { story } = found
    const next = reopenedStory(story, { request: continued(found, continuation), cancelAfterMs }, now)
    const frames = found.frames.filter((frame) => frame.index !== redraw)
    const view = viewOf({ ...found, story: next, frames }, settings)
    const answer = { status: 202, location: view.urls.self, body: view }
    const once = idempotencyKey === undefined ? undefined : { key: idempotencyKey, fingerprint, answer }
    const outcome = await reopen(db, { story, next, redraw, once }, now)
    if (outcome === 'reopened') {
      announceReady(c, id)
      return { answer, headers: {} }
    }
    if (outcome !== 'changed') return replayed(outcome)
    // Webhooks of its end that were not sent yet have to show the story as it is now.
    await freezeMessages(db, id, settings)
  }
  throw new ProblemError('not-ended', `story ${id} was changed by others at the same moment`)
}

function requireContinuable({ story }: StoryWithFrames, models: readonly string[]): void {
  if (!isTerminal(story.status)) throw new ProblemError('not-ended', `story ${story.id} is ${story.status}`)
  if (story.dataRemovedAt !== null) throw new ProblemError('no-bank', `story ${story.id} was erased`)
  if (!story.bank && story.request.characters.length > 0)
    throw new ProblemError('no-bank', `story ${story.id} is ${story.status}, and none was kept`)
  if (!models.includes(story.model))
    throw invalid([
      { pointer: '', message: `the model ${story.model} is not served any more; ${models.join(', ')} are` },
    ])
}

/** The bank holds all that the reference pictures said of the characters. */
function continued(found: StoryWithFrames, { framesOf, pointerOf }: Continuation): StoryRequest {
  const { request, bank } = found.story
  const characters = request.characters.map(({ references: _, ...character }) => character)
  const kept = bank ? { bank: `sha256:${bank.sha256}`, anchors: [], characters } : {}
  const parsed = StoryRequest.safeParse({ ...request, ...kept, frames: framesOf(found) })
  if (parsed.success) return parsed.data
  const issues = parsed.error.issues.map((issue) => ({ ...issue, path: [...pointerOf(found, issue.path)] }))
  throw invalid(issuesOf({ issues }))
}
