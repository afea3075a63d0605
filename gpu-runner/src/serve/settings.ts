/** Settings of `main.ts --serve`, besides those of the model. */
import { z } from 'zod'

/** What a runner without an edge does not need. */
export const edgeSettings = { FABLEFRAME_EDGE_URL: true, RUNNER_TOKEN: true, RUNNER_WEBHOOK_SECRET: true } as const

export const ServeSettings = z.object({
  PORT: z.coerce.number().int().min(0).max(65_535).default(5000),
  FABLEFRAME_HOST: z.string().min(1).default('0.0.0.0'),
  /** Sent with webhooks, as a bearer token. */
  WEBHOOK_AUTH_TOKEN: z.string().min(1).optional(),
  /** Events that a stream which joins late is told of. */
  COG_STREAM_HISTORY_CAPACITY: z.coerce.number().int().min(0).default(1024),
})
