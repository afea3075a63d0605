/** `PUT /runner/stories/{id}/consistency` and `…/consistency.png`: the self-check of a story, as a report and as a page. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { ConsistencyReport } from '../../../contract/consistency.ts'
import { StoredImage } from '../../../contract/runner.ts'
import { keepReport } from '../../db/stories/pages.ts'
import { announce } from '../http/announce.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { invalid } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'
import { StoryParams } from '../stories/stories.ts'
import { LeaseHeaders, leaseOf, leaseProblems, requireLease, staleLease } from './lease.ts'
import { limitPicture, pngBody, storePage } from './store-picture.ts'

const common = { tags: ['Runner'], security: [{ runnerToken: [] }] }

const reportRoute = createRoute({
  ...common,
  method: 'put',
  path: '/runner/stories/{id}/consistency',
  summary: 'Report on the consistency of a story',
  description:
    'Before its last frame is uploaded, so that no finished story lacks it. The report of an earlier attempt stays.',
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  request: {
    params: StoryParams,
    headers: LeaseHeaders,
    body: { required: true, content: { 'application/json': { schema: ConsistencyReport } } },
  },
  responses: {
    200: json(z.object({ score: z.number().nullable() }), 'It is kept'),
    ...leaseProblems,
    ...problems('malformed-json', 'too-large', 'unsupported-media-type', 'validation'),
  },
})

const sheetRoute = createRoute({
  ...common,
  method: 'put',
  path: '/runner/stories/{id}/consistency.png',
  summary: 'Upload the page that shows the report',
  middleware: [requireRunner, limitPicture] as const,
  request: { params: StoryParams, headers: LeaseHeaders, body: pngBody },
  responses: {
    200: json(StoredImage, 'What is stored'),
    ...leaseProblems,
    ...problems('too-large', 'validation'),
  },
})

export const runnerConsistencyRoutes = newRoutes()
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
  .openapi(sheetRoute, async (c) => c.json(await storePage(c, c.req.valid('param').id, 'consistencySheet'), 200))
