/** Sends the webhooks that apps are owed, signed per Standard Webhooks. */
import { Webhook } from 'standardwebhooks'
import type { StoryWebhook } from '../../contract/story.ts'
import type { Db } from '../db/client.ts'
import { endpointOf, keepBody, type Outcome, settleDelivery, takeDueDeliveries } from '../db/deliveries.ts'
import type { DeliveryRow } from '../db/schema.ts'
import { findStory } from '../db/stories.ts'
import type { Settings, Tools } from './env.ts'
import { refuseWebhook } from './url-guard.ts'
import { viewOf } from './view.ts'

const TIMEOUT_MS = 15_000
/** A try that has not been settled after this long is taken to be lost with its sender. */
const HOLD_MS = 2 * TIMEOUT_MS
const AT_ONCE = 16

/** Send what is due, side by side, so that a slow endpoint delays no other. Never throws for a bad endpoint. */
export async function sendDue(db: Db, settings: Settings, tools: Tools): Promise<void> {
  const due = await takeDueDeliveries(db, tools.now(), HOLD_MS, AT_ONCE)
  await Promise.all(
    due.map(async (delivery) =>
      settleDelivery(db, delivery, await trySend(db, delivery, settings, tools), tools.now()),
    ),
  )
}

async function trySend(db: Db, delivery: DeliveryRow, settings: Settings, tools: Tools): Promise<Outcome> {
  const endpoint = await endpointOf(db, delivery.storyId)
  if (!endpoint) return failure(null, 'the story has no webhook any more')
  const refusal = refuseWebhook(endpoint.url, settings.ALLOW_INSECURE_WEBHOOKS === '1')
  if (refusal) return failure(null, `the URL ${refusal}`)
  const body = delivery.body ?? (await freeze(db, delivery, settings))
  // The time of this try, not of the event: receivers refuse what is older than five minutes.
  const sentAt = new Date(tools.now())
  try {
    const response = await tools.fetch(endpoint.url, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Fableframe/1 (+webhooks)',
        'webhook-id': delivery.id,
        'webhook-timestamp': String(Math.floor(sentAt.getTime() / 1000)),
        'webhook-signature': new Webhook(endpoint.secret).sign(delivery.id, sentAt, body),
      },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    await response.body?.cancel()
    if (response.ok) return { delivered: true, status: response.status, error: null }
    const location = response.headers.get('location')
    return failure(response.status, location ? `redirects to ${location}, which is not followed` : 'answered no 2xx')
  } catch (error) {
    return failure(null, error instanceof Error ? error.message : String(error))
  }
}

/** The story as it stands at the first try; later tries send the same bytes. */
async function freeze(db: Db, delivery: DeliveryRow, settings: Settings): Promise<string> {
  const found = await findStory(db, delivery.storyId)
  if (!found) throw new Error(`delivery ${delivery.id} is of the unknown story ${delivery.storyId}`)
  const timestamp = new Date(delivery.createdAt).toISOString()
  const body = JSON.stringify({ type: delivery.type, timestamp, data: viewOf(found, settings) } satisfies StoryWebhook)
  await keepBody(db, delivery.id, body)
  return body
}

const failure = (status: number | null, error: string): Outcome => ({ delivered: false, status, error })
