/** `/healthz` and `/metrics`: for those who run the edge. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { countUndeleted } from '../../db/objects/deletions.ts'
import { queueDepth } from '../../db/queue/depth.ts'
import { isPresent, listRunners } from '../../db/runners/list.ts'
import { flush, series } from '../../durable/meter.ts'
import { logError } from '../../platform/log.ts'
import { healthOf, Late } from '../http/faults.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { requireMetricsToken } from '../http/tokens.ts'

const tags = ['Operations']
/** After this long the database counts as unavailable. */
const DATABASE_MS = 5_000

const Health = z.object({
  status: z.literal('ok'),
  queue: z.object({
    ready: z.int().describe('Stories that a runner could claim'),
    delayed: z.int().describe('Stories that wait for their next attempt'),
    running: z.int(),
    oldest_ready_seconds: z.number().describe('For how long the first of them has been ready; 0 when there is none'),
  }),
})

const health = createRoute({
  method: 'get',
  path: '/healthz',
  summary: 'Whether the edge reaches its database, and how long its queue is',
  tags,
  responses: { 200: json(Health, 'It does'), ...problems('unavailable') },
})

const metrics = createRoute({
  method: 'get',
  path: '/metrics',
  summary: 'Metrics in the text format of Prometheus',
  description: 'With `Authorization: Bearer <METRICS_TOKEN>`. Answers 404 when the edge has no such setting.',
  tags,
  security: [{ metricsToken: [] }],
  middleware: [requireMetricsToken] as const,
  responses: {
    200: { description: 'Version 0.0.4', content: { 'text/plain': { schema: z.string() } } },
    ...problems('unauthorized', 'not-found', 'unavailable'),
  },
})

export const operationsRoutes = newRoutes()
  .openapi(health, async (c) => {
    const now = c.var.tools.now()
    const { ready, delayed, running } = await answering(queueDepth(c.var.db))
    const oldest_ready_seconds = secondsSince(ready.oldest, now)
    const queue = { ready: ready.count, delayed, running, oldest_ready_seconds }
    return c.json({ status: 'ok' as const, queue }, 200, { 'cache-control': 'no-store' })
  })
  .openapi(metrics, async (c) => {
    const now = c.var.tools.now()
    const [depth, undeleted, runners, sums] = await Promise.all([
      answering(queueDepth(c.var.db)),
      answering(countUndeleted(c.var.db)),
      answering(listRunners(c.var.db)),
      flush(c.env, now),
    ])
    const present = runners.filter((runner) => isPresent(runner, now))
    const gauges = {
      [series('fableframe_queue_depth', { state: 'ready' })]: depth.ready.count,
      [series('fableframe_queue_depth', { state: 'delayed' })]: depth.delayed,
      [series('fableframe_queue_depth', { state: 'running' })]: depth.running,
      fableframe_queue_oldest_seconds: secondsSince(depth.ready.oldest, now),
      fableframe_runners: present.length,
      fableframe_runners_set_aside: present.filter(({ setAsideUntil }) => (setAsideUntil ?? 0) > now).length,
      fableframe_webhooks_pending: depth.webhooks.count,
      fableframe_objects_undeleted: undeleted,
      fableframe_webhooks_oldest_seconds: secondsSince(depth.webhooks.oldest, now),
    }
    return c.text(expose({ ...gauges, ...sums }), 200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' })
  })

const secondsSince = (time: number | null, now: number) => (time === null ? 0 : Math.max(0, now - time) / 1000)

async function answering<T>(query: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) =>
    setTimeout(() => reject(new Late(`no answer within ${DATABASE_MS / 1000} s`)), DATABASE_MS),
  )
  try {
    return await Promise.race([query, late])
  } catch (error) {
    const fault = error instanceof Error ? error : new Error(String(error))
    logError('database', fault)
    throw new ProblemError('unavailable', `the database does not answer: ${healthOf(fault)}`)
  }
}

/** Samples of one metric follow its type together, as the text format requires. */
function expose(samples: Record<string, number>): string {
  const families = Map.groupBy(Object.entries(samples), ([name]) => familyOf(name))
  return Array.from(families, ([family, rows]) => {
    const type = family.endsWith('_total')
      ? 'counter'
      : rows.some(([name]) => /_bucket\b/.test(name))
        ? 'histogram'
        : 'gauge'
    return [`# TYPE ${family} ${type}`, ...rows.map(([name, value]) => `${name} ${value}`), ''].join('\n')
  }).join('')
}

const familyOf = (name: string) => name.replace(/\{.*/s, '').replace(/_(bucket|sum|count)$/, '')
