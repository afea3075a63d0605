/** One try to deliver a webhook: signed per Standard Webhooks, bounded in time and size, no redirects. */
import { Webhook } from 'standardwebhooks'
import type { Outcome } from '../db/webhooks/deliveries.ts'
import type { Tools } from '../platform/env.ts'
import { refuseUrl } from '../platform/url-guard.ts'

export const TIMEOUT_MS = 15_000
/** So much of an answer is kept, in bytes. */
const KEPT_BYTES = 1024

export interface Message {
  id: string
  body: string
  /** W3C trace context of what caused the message. */
  traceparent?: string | null
}

export interface Target {
  url: string
  /** The message is signed with each of them, so that a receiver may know either. */
  secrets: string[]
  allowInsecure: boolean
}

/** Never throws: whatever the endpoint does is an outcome. Only 2xx is success. */
export async function postWebhook(message: Message, target: Target, tools: Tools): Promise<Outcome> {
  const started = tools.now()
  const failed = (error: string, about: Partial<Outcome> = {}): Outcome => ({
    delivered: false,
    retryable: true,
    status: null,
    response: null,
    retryAfterMs: null,
    ...about,
    error,
    ms: tools.now() - started,
  })
  // Checked when the story was posted, and again now: the rules or the settings may have changed since.
  const refusal = refuseUrl(target.url, target.allowInsecure)
  if (refusal) return failed(`the URL ${refusal}`, { retryable: false })
  const timeout = AbortSignal.timeout(TIMEOUT_MS)
  try {
    const response = await tools.fetch(target.url, {
      method: 'POST',
      headers: headersOf(message, target.secrets, started),
      body: message.body,
      redirect: 'manual',
      signal: timeout,
    })
    const { status, ok, headers } = response
    const about = { status, response: await readStart(response), retryAfterMs: retryAfterMs(headers, tools.now()) }
    if (ok) return { ...about, delivered: true, retryable: false, error: null, ms: tools.now() - started }
    const location = headers.get('location')
    if (location) return failed(`redirects to ${location}, which is not followed`, about)
    if (status === 410) return failed('answered 410 Gone: nothing more is sent there', { ...about, retryable: false })
    return failed('answered no 2xx', about)
  } catch (error) {
    if (timeout.aborted) return failed(`no answer within ${TIMEOUT_MS / 1000} s`)
    return failed(error instanceof Error ? error.message : String(error))
  }
}

/** `webhook-timestamp` is the time of this try, not of the event: receivers refuse what is older than five minutes. */
function headersOf({ id, body, traceparent }: Message, secrets: string[], now: number): Record<string, string> {
  const sentAt = new Date(now)
  return {
    'content-type': 'application/json',
    'user-agent': 'Fableframe/1 (+webhooks)',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(now / 1000)),
    'webhook-signature': secrets.map((secret) => new Webhook(secret).sign(id, sentAt, body)).join(' '),
    ...(traceparent && { traceparent }),
  }
}

/** The first kilobyte of an answer as text. Does not wait for the rest. */
async function readStart(response: Response): Promise<string> {
  let text = ''
  const decoder = new TextDecoder()
  let left = KEPT_BYTES
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk.subarray(0, left), { stream: true })
      left -= chunk.length
      if (left <= 0) break
    }
  } catch {
    // The status is known, and that is what counts.
  }
  return text
}

/** RFC 9110 §10.2.3: seconds, or a date; null when it is neither. */
function retryAfterMs(headers: Headers, now: number): number | null {
  const value = headers.get('retry-after')
  if (value === null) return null
  const ms = /^\d{1,9}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - now
  return Number.isFinite(ms) ? Math.max(0, ms) : null
}
