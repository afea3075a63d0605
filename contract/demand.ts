/** How many runners are wanted, and why: `GET /demand`, and what is told to those who start runners. */
import { z } from 'zod'

const ModelDemand = z
  .object({
    model: z.string(),
    queued: z.int().describe('Stories that a runner could claim'),
    running: z.int(),
    runners: z.int().describe('Runners that are there and not set aside'),
    seconds_per_frame: z.number().nullable().describe('As measured lately; null before any story has succeeded'),
    wanted: z.int().describe('Runners that would serve what waits within the target wait'),
  })
  .meta({ id: 'ModelDemand' })

export const Demand = z
  .object({
    queued: z.int(),
    running: z.int(),
    oldest_seconds: z.number().describe('For how long the first story has been waiting; 0 when none is'),
    runners: z.int(),
    wanted: z.int().describe('Of all models together, at most MAX_RUNNERS'),
    models: z.array(ModelDemand).describe('Models that have stories or runners'),
  })
  .meta({ id: 'Demand' })
export type Demand = z.infer<typeof Demand>

/** What the webhook of WAKE_URL is sent: per Standard Webhooks, signed with WAKE_SECRET. */
export const DemandWebhook = z.object({
  /** `runners.wanted`: start `start` more. `runners.unwanted`: nothing waits or runs, and no runner is there any more. */
  type: z.enum(['runners.wanted', 'runners.unwanted']),
  timestamp: z.iso.datetime(),
  data: Demand.extend({ start: z.int().min(0) }),
})
export type DemandWebhook = z.infer<typeof DemandWebhook>
