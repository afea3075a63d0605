/** `/runner`: what a runner calls with its token and lease. See `contract/runner.ts` for the protocol. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { z } from 'zod'
import { BANK_TYPE } from '../../../contract/bank.ts'
import {
  type Claim,
  ClaimRequest,
  Claims,
  Heartbeat,
  LEASE_HEADER,
  LeaseToken,
  MAX_IMAGE_BYTES,
  Released,
  SEED_HEADER,
  StoredImage,
} from '../../../contract/runner.ts'
import { StoryId } from '../../../contract/story-view.ts'
import { findPicture } from '../../db/characters/characters.ts'
import { type LentStory, lend } from '../../db/queue/claims.ts'
import { heartbeat, keepPage, leaseStateOf, release } from '../../db/queue/leases.ts'
import type { StoredPicture } from '../../db/schema/stories.ts'
import { framesOf, insertFrame } from '../../db/stories/frames.ts'
import { count } from '../../durable/meter.ts'
import { base32, sha256 } from '../../platform/ids.ts'
import { announce } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireRunner } from '../http/auth.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { binary, json, limitBody, MAX_JSON_BYTES, newRoutes, png, problems } from '../http/routes.ts'
import { bankKey } from '../stories/named-bank.ts'
import { sendPicture } from '../stories/pictures.ts'
import { StoryParams } from '../stories/stories.ts'
import { inspectPng } from './png.ts'

const POLL_MS = 1000
/** The lease that comes with a claim: short, because a runner may have gone while its claim waited. */
const FIRST_LEASE_MS = 10_000

const tags = ['Runner']
const security = [{ runnerToken: [] }]
const headers = z.object({ [LEASE_HEADER]: LeaseToken })
const FrameParams = z.object({ id: StoryId, index: z.coerce.number().int().min(0) })
export const pngBody = { required: true, content: { 'image/png': { schema: binary() } } }
const fenced = problems('unauthorized', 'not-found', 'stale-lease')
export const limitPicture = limitBody(MAX_IMAGE_BYTES)

const claimRoute = createRoute({
  method: 'post',
  path: '/runner/claim',
  summary: 'Borrow stories',
  description:
    'API keys take turns by their weight, none has more than `max_running` stories out, and the stories of one key go by priority and age.',
  tags,
  security,
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  request: { body: { required: true, content: { 'application/json': { schema: ClaimRequest } } } },
  responses: {
    200: json(Claims, 'Each lent until its `lease_until`'),
    204: { description: 'Nothing came within `wait` seconds' },
    ...problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation'),
  },
})

const heartbeatRoute = createRoute({
  method: 'post',
  path: '/runner/stories/{id}/heartbeat',
  summary: 'Keep a lease',
  tags,
  security,
  middleware: [requireRunner] as const,
  request: { params: StoryParams, headers },
  responses: { 200: json(Heartbeat, 'The new end of the lease'), ...fenced },
})

const releaseRoute = createRoute({
  method: 'post',
  path: '/runner/stories/{id}/release',
  summary: 'Hand a story back',
  tags,
  security,
  middleware: [requireRunner] as const,
  request: { params: StoryParams, headers },
  responses: { 200: json(Released, 'Where that left the story'), ...fenced },
})

const frameRoute = createRoute({
  method: 'put',
  path: '/runner/stories/{id}/frames/{index}',
  summary: 'Upload a frame',
  tags,
  security,
  middleware: [requireRunner, limitPicture] as const,
  request: {
    params: FrameParams,
    headers: headers.extend({ [SEED_HEADER]: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) }),
    body: pngBody,
  },
  responses: { 200: json(StoredImage, 'What is stored'), ...fenced, ...problems('too-large', 'validation') },
})

const readFrameRoute = createRoute({
  method: 'get',
  path: '/runner/stories/{id}/frames/{index}',
  summary: 'Read a frame that an earlier attempt finished',
  tags,
  security,
  middleware: [requireRunner] as const,
  request: { params: FrameParams, headers },
  responses: { 200: png, ...fenced },
})

const referenceRoute = createRoute({
  method: 'get',
  path: '/runner/stories/{id}/references/{sha256}',
  summary: 'Read a picture or a bank that the story names as `sha256:…`',
  tags,
  security,
  middleware: [requireRunner] as const,
  request: { params: StoryParams.extend({ sha256: z.hash('sha256', { error: '64 hex digits' }) }), headers },
  responses: {
    200: { description: 'As it was uploaded', content: { 'application/octet-stream': { schema: binary() } } },
    ...fenced,
  },
})

const storyboardRoute = createRoute({
  method: 'put',
  path: '/runner/stories/{id}/storyboard',
  summary: 'Upload the page of all frames',
  tags,
  security,
  middleware: [requireRunner, limitPicture] as const,
  request: { params: StoryParams, headers, body: pngBody },
  responses: { 200: json(StoredImage, 'What is stored'), ...fenced, ...problems('too-large', 'validation') },
})

export const runnerRoutes = newRoutes()
  .openapi(claimRoute, async (c) => {
    const { db, settings, tools } = c.var
    const { runner, model, wait, max } = c.req.valid('json')
    const leaseMs = Math.min(settings.LEASE_SECONDS * 1000, FIRST_LEASE_MS)
    const until = tools.now() + wait * 1000
    for (;;) {
      const now = tools.now()
      const leaseTokens = Array.from({ length: max }, () => base32(tools.randomBytes(20)))
      const { lent, swept } = await lend(db, { model, runner, leaseTokens, leaseMs }, now)
      announce(c, ...swept, ...lent.map((story) => story.id))
      if (lent.length > 0) {
        count('claims', { model }, lent.length)
        count('retries', { model }, lent.filter((story) => story.attempt > 0).length)
        return c.json({ claims: lent.map((story) => claimOf(story, now)) }, 200)
      }
      const left = until - tools.now()
      if (left <= 0 || c.req.raw.signal.aborted) return c.body(null, 204)
      await new Promise((resolve) => setTimeout(resolve, Math.min(POLL_MS, left)))
    }
  })
  .openapi(heartbeatRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const leaseMs = c.var.settings.LEASE_SECONDS * 1000
    const now = c.var.tools.now()
    const held = await heartbeat(db, id, leaseToken, leaseMs, now)
    if (!held) throw await staleLease(c, id)
    return c.json({ ...leaseEnd(held.leaseUntil, now), cancel: held.stop }, 200)
  })
  .openapi(releaseRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const status = await release(db, id, leaseToken, c.var.tools.now())
    if (!status) throw await staleLease(c, id)
    announce(c, id)
    return c.json({ status }, 200)
  })
  .openapi(frameRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const { index } = c.req.valid('param')
    const { frameCount } = await requireLease(c, id)
    if (index >= frameCount) throw new ProblemError('not-found', `story ${id} has frames 0 to ${frameCount - 1}`)
    const seed = c.req.valid('header')[SEED_HEADER]
    const stored = await storePicture(c, id, async (picture) => {
      return insertFrame(db, id, leaseToken, { ...picture, index, seed }, c.var.tools.now())
    })
    announce(c, id)
    return c.json(stored, 200)
  })
  .openapi(readFrameRoute, async (c) => {
    const { id, index } = c.req.valid('param')
    await requireLease(c, id)
    const frame = (await framesOf(c.var.db, [id])).find((row) => row.index === index)
    if (!frame) throw new ProblemError('not-found', `frame ${index} of story ${id} is not there (yet)`)
    return sendPicture(c, frame)
  })
  .openapi(referenceRoute, async (c) => {
    const { id, sha256 } = c.req.valid('param')
    const { apiKeyId } = await requireLease(c, id)
    const kept = await findPicture(c.var.db, apiKeyId, sha256)
    // A story that goes on names its own bank.
    const object = await c.env.IMAGES.get(kept?.key ?? bankKey(id, sha256))
    if (!object) throw new ProblemError('not-found', `no ${sha256} under the API key of story ${id}`)
    return c.body(await object.arrayBuffer(), 200, { 'content-type': kept?.contentType ?? BANK_TYPE })
  })
  .openapi(storyboardRoute, async (c) => {
    return c.json(await storePage(c, c.req.valid('param').id, 'storyboard'), 200)
  })

function claimOf(story: LentStory, now: number): Claim {
  if (!story.leaseToken || !story.claimableAt) throw new Error(`story ${story.id} was claimed without a lease`)
  return {
    id: story.id,
    story: story.request,
    seed: story.seed,
    model: story.model,
    // It counts as one only when the runner reports that it has begun.
    attempt: story.attempt + 1,
    lease_token: story.leaseToken,
    ...leaseEnd(story.claimableAt, now),
    finished_frames: story.finished,
    ...(story.traceparent !== null && { traceparent: story.traceparent }),
  }
}

/** A lease that is cut short by a deadline still leaves a second, so that heartbeats do not come in bursts. */
const leaseEnd = (until: number, now: number) => ({
  lease_until: new Date(until).toISOString(),
  lease_seconds: Math.max(1, (until - now) / 1000),
})

/**
 * Put the body into R2, then `keep` it as a row under the fence. The name holds the hash of the content and something
 * random, so that deleting what was not kept can never take away what another upload has stored.
 */
async function storePicture(
  c: Context<AppEnv>,
  storyId: string,
  keep: (picture: StoredPicture) => Promise<StoredPicture | undefined>,
): Promise<StoredImage> {
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const size = inspectPng(bytes)
  if ('wrong' in size) throw invalid([{ pointer: '', message: `the picture ${size.wrong}` }])
  const hash = await sha256(bytes)
  const key = `stories/${storyId}/${hash}-${base32(c.var.tools.randomBytes(5))}.png`
  await c.env.IMAGES.put(key, bytes, { sha256: hash, httpMetadata: { contentType: 'image/png' } })
  const kept = await keep({ key, sha256: hash, ...size })
  if (kept?.key !== key) await c.env.IMAGES.delete(key)
  if (!kept) throw await staleLease(c, storyId)
  return { sha256: kept.sha256, width: kept.width, height: kept.height }
}

/** Take the body for a page that shows all frames of a story; one that is there stays. */
export async function storePage(c: Context<AppEnv>, storyId: string, page: 'storyboard' | 'consistencySheet') {
  const { id, leaseToken, db } = leaseOf(c, storyId)
  await requireLease(c, id)
  const stored = await storePicture(c, id, (picture) => keepPage(db, id, leaseToken, page, picture))
  announce(c, id)
  return stored
}

export function leaseOf(c: Context<AppEnv>, id: string) {
  return { id, leaseToken: c.req.header(LEASE_HEADER) ?? '', db: c.var.db }
}

/** Throws unless the caller holds the story; spares R2 the uploads of those who do not. */
export async function requireLease(c: Context<AppEnv>, id: string) {
  const state = await leaseStateOf(c.var.db, id, leaseOf(c, id).leaseToken)
  if (!state?.held) throw staleLeaseOf(id, state)
  return state
}

export async function staleLease(c: Context<AppEnv>, id: string): Promise<ProblemError> {
  return staleLeaseOf(id, await leaseStateOf(c.var.db, id, leaseOf(c, id).leaseToken))
}

export function staleLeaseOf(id: string, state: { status: string } | undefined): ProblemError {
  return state
    ? new ProblemError('stale-lease', `story ${id} is ${state.status} and not lent under this token`)
    : new ProblemError('not-found', `no story ${id}`)
}
