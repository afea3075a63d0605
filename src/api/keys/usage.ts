/** `/usage`: what a key has used. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { Usage } from '../../../contract/key.ts'
import { usageOf } from '../../db/keys/api-keys.ts'
import { requireApiKey } from '../http/auth.ts'
import { json, newRoutes, problems } from '../http/routes.ts'

const DAY_MS = 24 * 3_600_000

const usage = createRoute({
  method: 'get',
  path: '/usage',
  summary: 'What this API key has used, by day',
  tags: ['Keys'],
  security: [{ apiKey: [] }],
  middleware: [requireApiKey] as const,
  request: {
    query: z.object({
      days: z.coerce.number().int().min(1, '1 to 366').max(366, '1 to 366').default(31).describe('Up to today'),
    }),
  },
  responses: {
    200: json(Usage, 'Stories, frames and time of runners'),
    ...problems('unauthorized', 'forbidden', 'rate-limited', 'validation'),
  },
})

export const usageRoutes = newRoutes().openapi(usage, async (c) => {
  const { db, tools, apiKey } = c.var
  // Whole days, so that the oldest one is not cut.
  const today = Math.floor(tools.now() / DAY_MS) * DAY_MS
  const rows = await usageOf(db, apiKey.id, today - (c.req.valid('query').days - 1) * DAY_MS)
  const days = rows.map(({ day, stories, frames, runnerMs }) => {
    return { day, stories, frames, runner_seconds: runnerMs / 1000 }
  })
  return c.json({ days }, 200)
})
