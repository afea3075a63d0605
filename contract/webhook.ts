/** `/webhooks`: the secret, the log of deliveries, ping. The messages themselves are `StoryWebhook`. */
import { z } from 'zod'
import { pageOf } from './page.ts'
import { StoryId, StoryWebhook } from './story-view.ts'

const Time = z.iso.datetime()

export const WebhookSecret = z.object({ key: z.string().describe('`whsec_` and base64; see standardwebhooks.com') })

export const RotateSecret = z.strictObject({
  overlap_hours: z
    .number()
    .min(0, '0 to 168')
    .max(168, '0 to 168')
    .default(24)
    .describe('How long the present secret still signs beside the new one'),
})

export const RotatedSecret = WebhookSecret.extend({ previous_valid_until: Time })

export const DeliveryId = z
  .string()
  .regex(/^msg_\w{1,100}$/, 'a delivery id is msg_ and letters, digits or _')
  .meta({ example: 'msg_ufawqhfynnddngldkgtslldrkq_completed' })

const Attempt = z.object({
  at: Time,
  status: z.int().nullable().describe('Null when there was no answer'),
  ms: z.int(),
  response: z.string().nullable().describe('The first kilobyte of the answer'),
  error: z.string().nullable(),
})

export const Delivery = z
  .object({
    id: DeliveryId.describe('Sent as `webhook-id`, the same at each attempt'),
    story: StoryId,
    type: StoryWebhook.shape.type,
    sequence: z.int().describe('Counts the messages of one story; they are sent in this order'),
    url: z.string(),
    status: z
      .enum(['waiting', 'pending', 'delivered', 'failed'])
      .describe('`waiting` behind an earlier message of its story, `pending` an attempt, or settled'),
    error: z.string().nullable().describe('Of the last attempt, or why there are no more'),
    created_at: Time,
    delivered_at: Time.nullable(),
    next_attempt_at: Time.nullable(),
    attempts: z.array(Attempt),
  })
  .meta({ id: 'Delivery' })
export type Delivery = z.infer<typeof Delivery>

export const DeliveryList = pageOf(Delivery).meta({ id: 'DeliveryList' })
export type DeliveryList = z.infer<typeof DeliveryList>

export const PingRequest = z.strictObject({
  url: z.url({ protocol: /^https?$/, error: 'an absolute http(s) URL' }).max(2048),
})

export const PingResult = Attempt.omit({ at: true })
  .extend({ id: z.string(), delivered: z.boolean() })
  .meta({ id: 'PingResult' })
export type PingResult = z.infer<typeof PingResult>
