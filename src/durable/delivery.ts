/** Delivers one message of the outbox: its body, its target, and the outcome of the try. */
import type { StoryWebhook } from '../../contract/story-view.ts'
import type { Db } from '../db/client.ts'
import type { DeliveryRow } from '../db/schema/webhooks.ts'
import { findStory, type StoryWithFrames } from '../db/stories/stories.ts'
import { packBody, unpackBody } from '../db/webhooks/bodies.ts'
import { gaveWay, keepBody, type Outcome, settle, untried } from '../db/webhooks/deliveries.ts'
import { endpointOf, markGone } from '../db/webhooks/endpoint.ts'
import type { Settings, Tools } from '../platform/env.ts'
import { predictionOf } from '../views/prediction.ts'
import { viewOf } from '../views/story.ts'
import { postWebhook, TIMEOUT_MS } from './webhook-post.ts'

/** A try that has not been settled after this long counts as lost. */
export const HOLD_MS = 2 * TIMEOUT_MS

/** Try to deliver a message that was taken, and record the outcome. Throws only when the database does. */
export async function deliver(db: Db, delivery: DeliveryRow, settings: Settings, tools: Tools): Promise<Outcome> {
  const outcome = await tryOnce(db, delivery, settings, tools)
  const random = (tools.randomBytes(1)[0] ?? 0) / 256
  await settle(db, delivery, outcome, { now: tools.now(), random })
  return outcome
}

async function tryOnce(db: Db, delivery: DeliveryRow, settings: Settings, tools: Tools): Promise<Outcome> {
  const endpoint = await endpointOf(db, delivery.storyId, tools.now())
  if (!endpoint) return givenUp('the story has no webhook any more')
  if (endpoint.goneSince !== null)
    return givenUp(`the URL answered 410 Gone at ${new Date(endpoint.goneSince).toISOString()}; ping it to resume`)
  if (await gaveWay(db, delivery)) return givenUp('given up for a later message of the story')
  const body = delivery.body === null ? await freeze(db, delivery, settings) : await unpackBody(delivery.body)
  const allowInsecure = settings.ALLOW_INSECURE_WEBHOOKS === '1'
  const outcome = await postWebhook(
    { id: delivery.id, body, traceparent: endpoint.traceparent },
    { ...endpoint, allowInsecure },
    tools,
  )
  if (outcome.status === 410) await markGone(db, delivery.apiKeyId, endpoint.url, tools.now())
  return outcome
}

/** The story as it stands at the first try; later tries send the same bytes. */
async function freeze(db: Db, delivery: DeliveryRow, settings: Settings): Promise<string> {
  const found = await findStory(db, delivery.storyId)
  if (!found) throw new Error(`delivery ${delivery.id} is of the unknown story ${delivery.storyId}`)
  const body = JSON.stringify(
    found.story.prediction ? predictionOf(found, settings) : messageOf(delivery, found, settings),
  )
  return unpackBody(await keepBody(db, delivery.id, await packBody(body)))
}

/** Freeze the bodies of messages that were not tried yet, so that `story.failed` shows the story as it failed. */
export async function freezeMessages(db: Db, storyId: string, settings: Settings): Promise<number> {
  const messages = await untried(db, storyId)
  for (const delivery of messages) await freeze(db, delivery, settings)
  return messages.length
}

function messageOf(
  { type, sequence, createdAt }: DeliveryRow,
  found: StoryWithFrames,
  settings: Settings,
): StoryWebhook {
  return { type, timestamp: new Date(createdAt).toISOString(), sequence, data: viewOf(found, settings) }
}

const givenUp = (error: string): Outcome => ({
  delivered: false,
  retryable: false,
  status: null,
  response: null,
  retryAfterMs: null,
  ms: 0,
  error,
})
