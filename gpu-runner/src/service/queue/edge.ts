/**
 * The edge as a runner sees it: one function per call of `contract/runner.ts`.
 *
 * A call goes on trying, with full jitter, for as long as the edge cannot be reached or answers 5xx: while the edge is
 * away nobody else can take a lease over, so there is nothing better to do. Its signal is what ends it. What the edge
 * did answer is final: `StaleLease` when the story is no longer ours, `EdgeRefused` for any other refusal.
 */
import { setTimeout } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import type { z } from 'zod'
import { BANK_TYPE } from '../../../../contract/bank.ts'
import type { ConsistencyReport } from '../../../../contract/consistency.ts'
import { Problem } from '../../../../contract/problem.ts'
import { PROTOCOL } from '../../../../contract/protocol.ts'
import {
  Announced,
  type Announcement,
  type Claim,
  type ClaimRequest,
  EventReceipt,
  Heartbeat,
  LEASE_HEADER,
  Released,
  type ReleaseReason,
  type RunnerEvent,
  SEED_HEADER,
  type UnreadClaim,
  UnreadClaims,
} from '../../../../contract/runner.ts'

export interface EdgeSettings {
  url: string
  /** The bearer token of the routes under `/runner/`. */
  token: string
  /** Signs the events, `whsec_…`. */
  secret: string
  fetch?: typeof fetch
  random?: () => number
  now?: () => Date
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>
  newId?: () => string
  /** Called for every failure that is tried again. */
  onRetry?: (problem: { call: string; error: string; retryInMs: number }) => void
}

/** The story went to another runner, ended or was canceled: drop the work on it. */
export class StaleLease extends Error {
  override name = 'StaleLease'
}

export class EdgeRefused extends Error {
  override name = 'EdgeRefused'
  readonly status: number
  constructor(call: string, status: number, detail: string) {
    super(`${call}: ${status} ${detail}`)
    this.status = status
  }
}

export type EventBody = {
  [T in RunnerEvent['type']]: Omit<EventData<T>, keyof EventData<'story.started'>> & { type: T }
}[RunnerEvent['type']]
type EventData<T extends RunnerEvent['type']> = Extract<RunnerEvent, { type: T }>['data']

export type Edge = ReturnType<typeof connectEdge>
export type Lease = ReturnType<Edge['lease']>

/** Media types of the files beside the pictures. */
const PAGES = { 'storyboard.webp': 'image/webp', 'book.pdf': 'application/pdf' } as const

const FIRST_DELAY_MS = 250
const LONGEST_DELAY_MS = 5000
const TIMEOUT_MS = 20_000
/** A runner that is set aside asks again after this long at most, since it may have been pardoned. */
const LONGEST_ASIDE_S = 60

export function connectEdge({
  url,
  token,
  secret,
  fetch = globalThis.fetch,
  random = Math.random,
  now = () => new Date(),
  sleep = (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
  newId = () => crypto.randomUUID(),
  onRetry = () => {},
}: EdgeSettings) {
  const webhook = new Webhook(secret)
  const authorization = `Bearer ${token}`

  /** An edge from before protocols had numbers refuses the field, and speaks protocol 1. */
  let saysProtocol = true

  return { announce, goodbye, claim, lease }

  /** Say that the runner is there. Undefined at an edge that knows nothing of announcements. */
  async function announce(about: Announcement, signal: AbortSignal) {
    try {
      return Announced.parse(await post('/runner/announce', about, signal))
    } catch (error) {
      if (error instanceof EdgeRefused && error.status === 404) return undefined
      throw error
    }
  }

  async function goodbye(runner: string, signal: AbortSignal): Promise<void> {
    const headers = { authorization, 'content-type': 'application/json' }
    await persist('/runner/goodbye', () => ({ method: 'POST', headers, body: JSON.stringify({ runner }) }), signal)
  }

  function post(path: string, body: object, signal: AbortSignal): Promise<unknown> {
    const headers = { authorization, 'content-type': 'application/json' }
    return send(path, { method: 'POST', headers, body: JSON.stringify(body) }, signal)
  }

  /**
   * Wait up to `request.wait` seconds for a story; undefined when none came. `stop` ends the trying, `signal` also a
   * call in flight: an edge does not always see that its caller hung up, and may still give the story to it.
   */
  async function claim(
    request: z.input<typeof ClaimRequest>,
    { signal, stop }: { signal: AbortSignal; stop: AbortSignal },
  ): Promise<UnreadClaim | undefined> {
    const body = JSON.stringify({ ...request, ...(saysProtocol && { protocol: PROTOCOL }) })
    const headers = { authorization, 'content-type': 'application/json' }
    const timeout = TIMEOUT_MS + Math.ceil((request.wait ?? 0) * 1000)
    try {
      const response = await persist('/runner/claim', () => ({ method: 'POST', headers, body }), signal, timeout, stop)
      return response.status === 204 ? undefined : UnreadClaims.parse(await response.json()).claims[0]
    } catch (error) {
      const isOld = error instanceof EdgeRefused && error.status === 422 && error.message.includes('/protocol')
      if (!saysProtocol || !isOld) throw error
      saysProtocol = false
      return claim(request, { signal, stop })
    }
  }

  /** The calls that the holder of a lease makes. */
  function lease({
    id,
    lease_token,
    lease_seconds,
    traceparent,
  }: Pick<Claim, 'id' | 'lease_token' | 'lease_seconds' | 'traceparent'>) {
    const at = `/runner/stories/${id}`
    const trace = traceparent === undefined ? undefined : { traceparent }
    const headers = { authorization, [LEASE_HEADER]: lease_token, ...trace }
    let sequence = 0
    return {
      ...{ heartbeat, readFrame, readReference, putFrame, putStoryboard, putPage, putBank, putReport, putSheet },
      ...{ release, post: postEvent },
    }

    async function heartbeat(signal: AbortSignal): Promise<Heartbeat> {
      const timeout = Math.max(1000, Math.ceil((lease_seconds * 1000) / 3)) // one that hangs leaves time for another
      const response = await persist(`${at}/heartbeat`, () => ({ method: 'POST', headers }), signal, timeout)
      return Heartbeat.parse(await response.json())
    }

    /** The PNG of a frame that an earlier attempt finished. */
    async function readFrame(index: number, signal: AbortSignal): Promise<Uint8Array> {
      const response = await persist(`${at}/frames/${index}`, () => ({ method: 'GET', headers }), signal)
      return response.bytes()
    }

    /** A reference picture, or a bank, that the story names as `sha256:…`. */
    async function readReference(sha256: string, signal: AbortSignal): Promise<Uint8Array> {
      const response = await persist(`${at}/references/${sha256}`, () => ({ method: 'GET', headers }), signal)
      return response.bytes()
    }

    async function putFrame(index: number, png: Uint8Array<ArrayBuffer>, seed: number, signal: AbortSignal) {
      const about = { ...headers, 'content-type': 'image/png', [SEED_HEADER]: String(seed) }
      await send(`${at}/frames/${index}`, { method: 'PUT', headers: about, body: png }, signal)
    }

    async function putStoryboard(png: Uint8Array<ArrayBuffer>, signal: AbortSignal) {
      const about = { ...headers, 'content-type': 'image/png' }
      await send(`${at}/storyboard`, { method: 'PUT', headers: about, body: png }, signal)
    }

    /** A file that edges of before protocol 3 do not take: it is left out there. */
    async function putPage(name: keyof typeof PAGES, bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal) {
      const about = { ...headers, 'content-type': PAGES[name] }
      try {
        await send(`${at}/${name}`, { method: 'PUT', headers: about, body: bytes }, signal)
      } catch (error) {
        if (!(error instanceof EdgeRefused && error.status === 404)) throw error
      }
    }

    async function putBank(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal) {
      const about = { ...headers, 'content-type': BANK_TYPE }
      await send(`${at}/bank`, { method: 'PUT', headers: about, body: bytes }, signal)
    }

    async function putReport(report: ConsistencyReport, signal: AbortSignal) {
      const about = { ...headers, 'content-type': 'application/json' }
      await send(`${at}/consistency`, { method: 'PUT', headers: about, body: JSON.stringify(report) }, signal)
    }

    /** The picture that goes with the report. */
    async function putSheet(png: Uint8Array<ArrayBuffer>, signal: AbortSignal) {
      const about = { ...headers, 'content-type': 'image/png' }
      await send(`${at}/consistency.png`, { method: 'PUT', headers: about, body: png }, signal)
    }

    /** Give the story back, to be taken up by someone else at once. */
    async function release(reason: ReleaseReason, signal: AbortSignal): Promise<Released> {
      const about = { ...headers, 'content-type': 'application/json' }
      const body = JSON.stringify({ reason })
      return Released.parse(await send(`${at}/release`, { method: 'POST', headers: about, body }, signal))
    }

    /** Post a signed event. Its id stays the same over all tries; its timestamp, and so its signature, does not. */
    async function postEvent({ type, ...about }: EventBody, signal: AbortSignal): Promise<EventReceipt> {
      const messageId = `msg_${newId()}`
      const data = { story_id: id, lease_token, sequence: ++sequence, ...about }
      const body = JSON.stringify({ type, timestamp: now().toISOString(), data })
      const request = () => {
        const sent = now()
        const signature = {
          'webhook-id': messageId,
          'webhook-timestamp': String(Math.floor(sent.getTime() / 1000)),
          'webhook-signature': webhook.sign(messageId, sent, body),
        }
        const about = { authorization, 'content-type': 'application/json' }
        return { method: 'POST', headers: { ...about, ...trace, ...signature }, body }
      }
      const response = await persist('/runner/webhooks', request, signal)
      return EventReceipt.parse(await response.json())
    }
  }

  async function send(path: string, request: RequestInit, signal: AbortSignal): Promise<unknown> {
    return (await persist(path, () => request, signal)).json()
  }

  async function persist(
    path: string,
    request: () => RequestInit,
    signal: AbortSignal,
    timeoutMs = TIMEOUT_MS,
    stop = signal,
  ): Promise<Response> {
    for (let tries = 0; ; tries++) {
      const outcome = await once(path, request(), signal, timeoutMs)
      if (outcome instanceof Response) return outcome
      // Full jitter: many runners that lost the same edge come back spread out rather than all at once.
      const jitter = random() * Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** tries)
      const retryInMs = Math.max(jitter, outcome.retryAfterMs)
      onRetry({ call: path, error: outcome.unavailable, retryInMs })
      await sleep(retryInMs, stop)
    }
  }

  /** One try: the accepted response, or why it is worth another try; throws what is final. */
  async function once(
    path: string,
    request: RequestInit,
    signal: AbortSignal,
    timeoutMs: number,
  ): Promise<Response | { unavailable: string; retryAfterMs: number }> {
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const response = await fetch(new URL(path, url), { ...request, signal: AbortSignal.any([signal, timeout]) })
      if (response.ok) return response
      const problem = Problem.safeParse(await response.json().catch(() => null)).data
      const detail = problem ? `${problem.title}: ${problem.detail}` : response.statusText
      if (response.status >= 500 || response.status === 429) {
        // Only a runner that is set aside waits as long as the edge says: others have leases to keep.
        const setAside = problem?.type.endsWith('/set-aside') ? Math.min(problem.retry_after ?? 0, LONGEST_ASIDE_S) : 0
        return { unavailable: `${response.status} ${detail}`, retryAfterMs: setAside * 1000 }
      }
      if (problem?.type.endsWith('/stale-lease')) throw new StaleLease(`${path}: ${detail}`)
      throw new EdgeRefused(path, response.status, detail)
    } catch (error) {
      signal.throwIfAborted()
      if (error instanceof StaleLease || error instanceof EdgeRefused) throw error
      return { unavailable: describe(error), retryAfterMs: 0 }
    }
  }
}

/** A failed fetch says little itself; its cause knows that the connection was refused. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? `${error.message}: ${error.cause.message}` : error.message
}
