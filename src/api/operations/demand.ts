/** `GET /demand`: how many runners are wanted, for those who scale them. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { Demand } from '../../../contract/demand.ts'
import { readDemand } from '../../demand/demand.ts'
import { startOutlook } from '../../demand/waker.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { requireMetricsToken } from '../http/tokens.ts'

const DemandNow = Demand.extend({
  starting: z.boolean().describe('The edge has asked for runners that have not come yet; false without WAKE'),
  cold_start_seconds: z.number().nullable().describe('The median of the last starts; null without WAKE'),
}).meta({ id: 'DemandNow' })

const demand = createRoute({
  method: 'get',
  path: '/demand',
  summary: 'How many runners are wanted',
  description:
    'With `Authorization: Bearer <METRICS_TOKEN>`. Answers 404 when the edge has no such setting. For scalers that ask, such as KEDA.',
  tags: ['Operations'],
  security: [{ metricsToken: [] }],
  middleware: [requireMetricsToken] as const,
  responses: {
    200: json(DemandNow, 'What waits, who is there, who is wanted'),
    ...problems('unauthorized', 'not-found'),
  },
})

export const demandRoutes = newRoutes().openapi(demand, async (c) => {
  const { db, settings, tools } = c.var
  const [now, start] = await Promise.all([readDemand(db, settings, tools.now()), startOutlook(c.env)])
  const { starting = false, cold_start_seconds = null } = start ?? {}
  return c.json({ ...now, starting, cold_start_seconds }, 200, { 'cache-control': 'no-store' })
})
