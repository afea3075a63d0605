/** `/runner/stories/{id}/heartbeat` and `…/release`: a runner extends its lease, or releases the story. */
import { createRoute } from '@hono/zod-openapi'
import { Heartbeat, Release, Released, releaseReasonOf } from '../../../contract/runner.ts'
import { extendLease, releaseLease } from '../../db/queue/lease.ts'
import { count } from '../../durable/meter.ts'
import { announceReady } from '../http/announce.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { documented, json, newRoutes } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'
import { StoryParams } from '../stories/stories.ts'
import { LeaseHeaders, leaseEnd, leaseOf, leaseProblems, staleLease } from './lease.ts'

const common = {
  tags: ['Runner'],
  security: [{ runnerToken: [] }],
  request: { params: StoryParams, headers: LeaseHeaders },
}

const heartbeatRoute = createRoute({
  ...common,
  method: 'post',
  path: '/runner/stories/{id}/heartbeat',
  summary: 'Extend a lease',
  middleware: [requireRunner] as const,
  responses: { 200: json(Heartbeat, 'The new end of the lease'), ...leaseProblems },
})

const releaseRoute = createRoute({
  ...common,
  method: 'post',
  path: '/runner/stories/{id}/release',
  summary: 'Hand a story back',
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  // A plain schema only documents: runners of before send no body, whatever type they declare.
  request: {
    ...common.request,
    body: { required: false, content: { 'application/json': { schema: documented(Release) } } },
  },
  responses: { 200: json(Released, 'Where that left the story'), ...leaseProblems },
})

export const runnerLeaseRoutes = newRoutes()
  .openapi(heartbeatRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const now = c.var.tools.now()
    const held = await extendLease(db, id, leaseToken, c.var.settings.LEASE_SECONDS * 1000, now)
    if (!held) throw await staleLease(c, id)
    return c.json({ ...leaseEnd(held.leaseUntil, now), cancel: held.stop }, 200)
  })
  .openapi(releaseRoute, async (c) => {
    const { id, leaseToken, db } = leaseOf(c, c.req.valid('param').id)
    const reason = releaseReasonOf(await c.req.json().catch(() => undefined))
    const status = await releaseLease(db, id, leaseToken, c.var.tools.now(), reason)
    if (reason !== 'stopping') count('runner_faults', { reason })
    if (!status) throw await staleLease(c, id)
    announceReady(c, id)
    return c.json({ status }, 200)
  })
