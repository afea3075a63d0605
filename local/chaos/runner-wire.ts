/** How simulated runners speak: HTTP calls that may get no answer, and signed events. */
import { Webhook } from 'standardwebhooks'
import type { History } from './history.ts'

export interface WireOptions {
  url: string
  token: string
  secret: string
  history: Pick<History, 'faults'>
  /** Stores fail: an answer that says so is as good as none. */
  faults: boolean
}

export interface Answer {
  status: number
  body: unknown
}

const TIMEOUT_MS = 10_000

/** A fault of ours, answered as one. */
export const isExcused = ({ status, headers }: Response) =>
  (status === 500 || status === 503) && headers.get('content-type') === 'application/problem+json'

/** The answer; undefined when there was none, because the edge was killed or hung. */
export async function call(
  { url, token, history, faults }: WireOptions,
  method: string,
  path: string,
  init: RequestInit,
): Promise<Answer | undefined> {
  const headers = { authorization: `Bearer ${token}`, ...init.headers }
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(new URL(path, url), { method, ...init, headers, signal })
    const text = await response.text()
    if (faults && isExcused(response)) return undefined
    if (response.status >= 500) history.faults.push(`${method} ${path}: ${response.status} ${text}`)
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  } catch (error) {
    if (error instanceof SyntaxError) history.faults.push(`${method} ${path}: ${error.message}`)
    return undefined
  }
}

/** An event under this `webhook-id`, from a clock that is `off` by so many milliseconds. */
export function send(options: WireOptions, id: string, body: string, off = 0): Promise<Answer | undefined> {
  const sent = new Date(Date.now() + off)
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(sent.getTime() / 1000)),
    'webhook-signature': new Webhook(options.secret).sign(id, sent, body),
  }
  return call(options, 'POST', '/runner/webhooks', { headers, body })
}
