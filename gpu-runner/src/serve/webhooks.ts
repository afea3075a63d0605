/** Webhooks as Cog sends them: unsigned, with a bearer token if there is one; the last one is tried again and again. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { PredictionEvent } from '../../../contract/prediction.ts'
import type { PredictionState } from './prediction.ts'

/** Between two webhooks of output or of logs. */
const INTERVAL_MS = 500
const TRIES = 13
const FIRST_PAUSE_MS = 100
const MOST_DOUBLINGS = 10
const TIMEOUT_MS = 30_000
const RETRIED = new Set([429, 500, 502, 503, 504])

export interface WebhookOptions {
  url: string
  events: readonly PredictionEvent[]
  /** WEBHOOK_AUTH_TOKEN. */
  token: string | undefined
  /** `traceparent` and `tracestate` of the request, to be sent along. */
  trace: Record<string, string>
  pause?: (ms: number) => Promise<unknown>
}

/** Sends what the caller asked to be sent. `settled` resolves when nothing is under way any more. */
export function webhookSender({ url, events, token, trace, pause = sleep }: WebhookOptions) {
  let sentAt = Number.NEGATIVE_INFINITY
  let last: Promise<unknown> = Promise.resolve()
  let later: NodeJS.Timeout | undefined
  const post = (body: string) =>
    fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }), ...trace },
      body,
      redirect: 'manual',
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).then(async (response) => {
      await response.body?.cancel()
      return response.status
    })

  function send(event: PredictionEvent, state: PredictionState): void {
    if (event === 'completed') clearTimeout(later)
    if (!events.includes(event)) return
    if (event === 'completed') last = Promise.all([last, sendUntilTaken(JSON.stringify(state))])
    else if (event === 'start') sendNow(state)
    else throttled(state)
  }

  /** At once, or with what there is by then, when the interval is over. */
  function throttled(state: PredictionState): void {
    clearTimeout(later)
    const wait = sentAt + INTERVAL_MS - performance.now()
    if (wait <= 0) sendNow(state)
    else later = setTimeout(() => sendNow(state), wait)
  }

  function sendNow(state: PredictionState): void {
    sentAt = performance.now()
    // In the order of what happened.
    const body = JSON.stringify(state)
    last = last.then(() => post(body)).catch(() => {})
  }

  async function sendUntilTaken(body: string): Promise<void> {
    await last
    for (let tries = 1; ; tries++) {
      const status = await post(body).catch(() => undefined)
      if (tries === TRIES || (status !== undefined && !RETRIED.has(status))) return
      await pause(FIRST_PAUSE_MS * 2 ** Math.min(tries, MOST_DOUBLINGS))
    }
  }

  return { send, settled: () => last }
}
