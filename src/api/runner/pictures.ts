/** What a runner uploads of a story and reads back of it: frames, the storyboard, reference pictures. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { BANK_TYPE } from '../../../contract/bank.ts'
import { SEED_HEADER, StoredImage } from '../../../contract/runner.ts'
import { StoryId } from '../../../contract/story-view.ts'
import { findPicture } from '../../db/characters/pictures.ts'
import { framesOf, insertFrame } from '../../db/stories/frames.ts'
import { announce } from '../http/announce.ts'
import { ProblemError } from '../http/problems.ts'
import { binary, json, newRoutes, png, problems } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'
import { bankKey } from '../stories/named-bank.ts'
import { sendPicture } from '../stories/pictures.ts'
import { StoryParams } from '../stories/stories.ts'
import { LeaseHeaders, leaseOf, leaseProblems, requireLease } from './lease.ts'
import { limitPicture, pngBody, storePage, storePicture } from './store-picture.ts'

const common = { tags: ['Runner'], security: [{ runnerToken: [] }] }
const FrameParams = z.object({ id: StoryId, index: z.coerce.number().int().min(0) })
const stored = { 200: json(StoredImage, 'What is stored'), ...leaseProblems, ...problems('too-large', 'validation') }

const frameRoute = createRoute({
  ...common,
  method: 'put',
  path: '/runner/stories/{id}/frames/{index}',
  summary: 'Upload a frame',
  middleware: [requireRunner, limitPicture] as const,
  request: {
    params: FrameParams,
    headers: LeaseHeaders.extend({ [SEED_HEADER]: z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER) }),
    body: pngBody,
  },
  responses: stored,
})

const readFrameRoute = createRoute({
  ...common,
  method: 'get',
  path: '/runner/stories/{id}/frames/{index}',
  summary: 'Read a frame that an earlier attempt finished',
  middleware: [requireRunner] as const,
  request: { params: FrameParams, headers: LeaseHeaders },
  responses: { 200: png, ...leaseProblems },
})

const referenceRoute = createRoute({
  ...common,
  method: 'get',
  path: '/runner/stories/{id}/references/{sha256}',
  summary: 'Read a picture or a bank that the story names as `sha256:…`',
  middleware: [requireRunner] as const,
  request: {
    params: StoryParams.extend({ sha256: z.hash('sha256', { error: '64 hex digits' }) }),
    headers: LeaseHeaders,
  },
  responses: {
    200: { description: 'As it was uploaded', content: { 'application/octet-stream': { schema: binary() } } },
    ...leaseProblems,
  },
})

const storyboardRoute = createRoute({
  ...common,
  method: 'put',
  path: '/runner/stories/{id}/storyboard',
  summary: 'Upload the page of all frames',
  middleware: [requireRunner, limitPicture] as const,
  request: { params: StoryParams, headers: LeaseHeaders, body: pngBody },
  responses: stored,
})

export const runnerPictureRoutes = newRoutes()
  .openapi(frameRoute, async (c) => {
    const { index } = c.req.valid('param')
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const seed = c.req.valid('header')[SEED_HEADER]
    const image = await storePicture(
      c,
      id,
      (picture) => insertFrame(db, id, leaseToken, { ...picture, index, seed }, c.var.tools.now()),
      ({ frameCount }) => {
        if (index >= frameCount) throw new ProblemError('not-found', `story ${id} has frames 0 to ${frameCount - 1}`)
      },
    )
    announce(c, id)
    return c.json(image, 200)
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
    // A story that was continued names its own bank.
    const object = await c.env.IMAGES.get(kept?.key ?? bankKey(id, sha256))
    if (!object) throw new ProblemError('not-found', `no ${sha256} under the API key of story ${id}`)
    return c.body(await object.arrayBuffer(), 200, { 'content-type': kept?.contentType ?? BANK_TYPE })
  })
  .openapi(storyboardRoute, async (c) => c.json(await storePage(c, c.req.valid('param').id, 'storyboard'), 200))
