/** `POST /runner/announce` and `/runner/goodbye`: runners say that they are there, what their model can do, and that they go. */
import { createRoute } from '@hono/zod-openapi'
import type { z } from 'zod'
import { PROTOCOL } from '../../../contract/protocol.ts'
import { Announced, Announcement, Goodbye, MAX_CLAIM_WAIT_SECONDS } from '../../../contract/runner.ts'
import { announceRunner, dismissRunner } from '../../db/runners/announce.ts'
import { noteRunner, wantRunners } from '../../demand/waker.ts'
import { endWait } from '../../durable/claim-waiting.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { forgetServedModels } from '../http/served-models.ts'
import { requireRunner } from '../http/tokens.ts'

const tags = ['Runner']
const security = [{ runnerToken: [] }]
const body = <Schema extends z.ZodType>(schema: Schema) => ({
  body: { required: true, content: { 'application/json': { schema } } },
})
const bodyProblems = problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation')

const announceRoute = createRoute({
  method: 'post',
  tags,
  security,
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  path: '/runner/announce',
  summary: 'Announce a runner and its model',
  description: 'Once the model is open, and every minute from then on. Stories are validated by what the model can do.',
  request: body(Announcement),
  responses: { 200: json(Announced, 'Noted'), ...bodyProblems },
})

const goodbyeRoute = createRoute({
  method: 'post',
  tags,
  security,
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  path: '/runner/goodbye',
  summary: 'A runner stops',
  request: body(Goodbye),
  responses: { 204: { description: 'Noted' }, ...bodyProblems },
})

export const runnerAnnounceRoutes = newRoutes()
  .openapi(announceRoute, async (c) => {
    const until = await announceRunner(c.var.db, c.req.valid('json'), c.var.tools.now())
    if (c.req.valid('json').first) c.executionCtx.waitUntil(noteRunner(c.env))
    forgetServedModels(c)
    const set_aside_until = until === null ? null : new Date(until).toISOString()
    return c.json({ protocol: PROTOCOL, set_aside_until, claim_wait: MAX_CLAIM_WAIT_SECONDS }, 200)
  })
  .openapi(goodbyeRoute, async (c) => {
    const { runner } = c.req.valid('json')
    const model = await dismissRunner(c.var.db, runner, c.var.tools.now())
    c.executionCtx.waitUntil(wantRunners(c.env, c.var.tools.now()))
    if (model !== undefined) await endWait(c.env, model, runner)
    forgetServedModels(c)
    return c.body(null, 204)
  })
