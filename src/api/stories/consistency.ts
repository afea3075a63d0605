/** What runners make of a story's consistency: a report, which is a part of the story, and a page that shows it. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { ConsistencyReport } from '../../../contract/consistency.ts'
import { LEASE_HEADER, LeaseToken, StoredImage } from '../../../contract/runner.ts'
import { keepReport } from '../../db/queue/leases.ts'
import { findStory } from '../../db/stories/stories.ts'
import { announce } from '../http/announce.ts'
import { requireApiKeyOrLink, requireRunner } from '../http/auth.ts'
import { invalid, ProblemError } from '../http/problems.ts'
import { json, limitBody, MAX_JSON_BYTES, newRoutes, openToLinks, png, problems } from '../http/routes.ts'
import { leaseOf, limitPicture, pngBody, requireLease, staleLease, storePage } from '../runner/runner.ts'
import { sendPicture } from './pictures.ts'
import { noSuchStory, StoryParams } from './stories.ts'

const readRoute = createRoute({
  method: 'get',
  path: '/stories/{id}/consistency.png',
  summary: 'All frames with everyone outlined, and how alike they are',
  tags: ['Stories'],
  security: openToLinks,
  middleware: [requireApiKeyOrLink] as const,
  request: { params: StoryParams },
  responses: {
    200: png,
    206: { ...png, description: 'The range of bytes that was asked for' },
    304: { description: 'Unchanged' },
    ...problems('unauthorized', 'not-found', 'range-not-satisfiable'),
  },
})

const security = [{ runnerToken: [] }]
const headers = z.object({ [LEASE_HEADER]: LeaseToken })

const reportRoute = createRoute({
  method: 'put',
  path: '/runner/stories/{id}/consistency',
  summary: 'Report on the consistency of a story',
  description:
    'Before its last frame is uploaded, so that no finished story lacks it. What an earlier attempt said stays.',
  tags: ['Runner'],
  security,
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  request: {
    params: StoryParams,
    headers,
    body: { required: true, content: { 'application/json': { schema: ConsistencyReport } } },
  },
  responses: {
    200: json(z.object({ score: z.number().nullable() }), 'It is kept'),
    ...problems('malformed-json', 'unauthorized', 'not-found', 'stale-lease', 'too-large', 'unsupported-media-type'),
    ...problems('validation'),
  },
})

const sheetRoute = createRoute({
  method: 'put',
  path: '/runner/stories/{id}/consistency.png',
  summary: 'Upload the page that shows the report',
  tags: ['Runner'],
  security,
  middleware: [requireRunner, limitPicture] as const,
  request: { params: StoryParams, headers, body: pngBody },
  responses: {
    200: json(StoredImage, 'What is stored'),
    ...problems('unauthorized', 'not-found', 'stale-lease', 'too-large', 'validation'),
  },
})

export const consistencyRoutes = newRoutes()
  .openapi(readRoute, async (c) => {
    const { id } = c.req.valid('param')
    const found = await findStory(c.var.db, id, c.var.readerId)
    if (!found) throw noSuchStory(id)
    const { consistencySheet } = found.story
    if (!consistencySheet) throw new ProblemError('not-found', `story ${id} has no consistency.png (yet)`)
    // A story that goes on has another one then.
    return sendPicture(c, consistencySheet, 'private, no-cache')
  })
  .openapi(reportRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const { frameCount } = await requireLease(c, id)
    const report = c.req.valid('json')
    const beyond = report.frames.findIndex(({ index }) => index >= frameCount)
    if (beyond >= 0)
      throw invalid([{ pointer: `/frames/${beyond}/index`, message: `story ${id} has frames 0 to ${frameCount - 1}` }])
    if (!(await keepReport(db, id, leaseToken, report))) throw await staleLease(c, id)
    announce(c, id)
    return c.json({ score: report.score }, 200)
  })
  .openapi(sheetRoute, async (c) => {
    return c.json(await storePage(c, c.req.valid('param').id, 'consistencySheet'), 200)
  })
