/** `GET /models`: what stories may ask for. `GET /runners`: who generates them, for those who run the edge. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { ModelAbilities } from '../../../contract/model.ts'
import { isPresent, listRunners } from '../../db/runners/list.ts'
import { requireApiKey } from '../http/auth.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { servedModels } from '../http/served-models.ts'

const Time = z.iso.datetime()
const security = [{ apiKey: [] }]
const admission = problems('unauthorized', 'forbidden', 'rate-limited')

const Model = z
  .object({
    name: z.string(),
    runners: z.int().describe('Runners that serve it now, of those that announce themselves'),
    last_seen: Time.nullable().describe('When a runner announced it last; null for never'),
    abilities: ModelAbilities.nullable().describe('What it can do; null before a runner has announced it'),
  })
  .meta({ id: 'ServedModel' })

const Runner = z
  .object({
    name: z.string(),
    model: z.string(),
    protocol: z.int(),
    present: z.boolean().describe('Whether it has announced itself lately and has not said goodbye'),
    first_seen: Time,
    last_seen: Time,
    set_aside_until: Time.nullable().describe('It gets no stories until then, since several went wrong on it in a row'),
  })
  .meta({ id: 'Runner' })

const models = createRoute({
  method: 'get',
  path: '/models',
  summary: 'The models that stories may ask for',
  tags: ['Stories'],
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(z.object({ results: z.array(Model) }), 'Those of the setting MODELS first'), ...admission },
})

const runners = createRoute({
  method: 'get',
  path: '/runners',
  summary: 'The runners that have announced themselves',
  tags: ['Operations'],
  security,
  middleware: [requireApiKey] as const,
  responses: { 200: json(z.object({ results: z.array(Runner) }), 'The last seen first'), ...admission },
})

export const modelRoutes = newRoutes()
  .openapi(models, async (c) => {
    const results = (await servedModels(c)).map(({ name, announced }) => ({
      name,
      runners: announced?.present ?? 0,
      last_seen: announced && time(announced.lastSeenAt),
      abilities: announced?.abilities ?? null,
    }))
    return c.json({ results }, 200)
  })
  .openapi(runners, async (c) => {
    const now = c.var.tools.now()
    const results = (await listRunners(c.var.db)).map((row) => ({
      name: row.name,
      model: row.model,
      protocol: row.protocol,
      present: isPresent(row, now),
      first_seen: time(row.firstSeenAt),
      last_seen: time(row.seenAt),
      set_aside_until: row.setAsideUntil !== null && row.setAsideUntil > now ? time(row.setAsideUntil) : null,
    }))
    return c.json({ results }, 200)
  })

const time = (ms: number) => new Date(ms).toISOString()
