/** `POST /runner/complete`: the completions of many leases at once, for runners that claim many stories at once. */
import { createRoute } from '@hono/zod-openapi'
import { CompletionReceipts, Completions } from '../../../contract/runner.ts'
import { completeAll } from '../../db/queue/complete.ts'
import { count } from '../../durable/meter.ts'
import { announce } from '../http/announce.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'

const completeRoute = createRoute({
  method: 'post',
  path: '/runner/complete',
  summary: 'Complete stories',
  description:
    '`story.completed` for many stories at once. Each takes effect or not by itself, as its `outcome` says. The whole request may be repeated.',
  tags: ['Runner'],
  security: [{ runnerToken: [] }],
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  request: { body: { required: true, content: { 'application/json': { schema: Completions } } } },
  responses: {
    200: json(CompletionReceipts, 'What became of each, in their order'),
    ...problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation'),
  },
})

export const runnerCompletionRoutes = newRoutes().openapi(completeRoute, async (c) => {
  const { db, tools } = c.var
  const held = c.req.valid('json').stories.map(({ story_id, lease_token }) => {
    return { storyId: story_id, leaseToken: lease_token }
  })
  const results = await completeAll(db, held, tools.now())
  const changed = results.filter(({ outcome }) => outcome === 'completed')
  for (const { status } of changed) if (status) count('runner_events', { type: 'story.completed', status })
  announce(c, ...changed.map(({ storyId }) => storyId))
  const receipts = results.map(({ storyId, outcome, status }) => ({ story_id: storyId, outcome, status }))
  return c.json({ receipts }, 200)
})
