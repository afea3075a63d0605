/** Tells somebody else: a webhook signed per Standard Webhooks, with the body of `contract/demand.ts`. */
import { Webhook } from 'standardwebhooks'
import type { Demand, DemandWebhook } from '../../../contract/demand.ts'
import type { Adapter, Fetch } from './adapter.ts'

const TIMEOUT_MS = 20_000

export function webhookAdapter(
  { url, secret }: { url: string; secret: string },
  { fetch, now, newId }: { fetch: Fetch; now: () => number; newId: () => string },
): Adapter {
  return {
    start: (count, demand) => send('runners.wanted', count, demand),
    stop: (demand) => send('runners.unwanted', 0, demand),
  }

  async function send(type: DemandWebhook['type'], start: number, demand: Demand): Promise<void> {
    const at = new Date(now())
    const id = `msg_${newId()}`
    const body = JSON.stringify({
      type,
      timestamp: at.toISOString(),
      data: { ...demand, start },
    } satisfies DemandWebhook)
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(id, at, body),
    }
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal })
    await response.body?.cancel()
    if (!response.ok) throw new Error(`the webhook of WAKE_URL was answered ${response.status}`)
  }
}
