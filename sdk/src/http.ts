/** Requests to the edge: tried again where that is safe, bounded in time, stopped by a signal. */
import { errorOf } from './error-answers.ts'
import { ConnectionError, TimeoutError } from './errors.ts'

export interface RequestOptions {
  /** Stops the request, and further attempts. */
  signal?: AbortSignal | undefined
  /** Milliseconds that one attempt may take. */
  timeout?: number | undefined
  /** Further attempts after the first. */
  maxRetries?: number | undefined
  /** For requests that create something; a random one when left out. */
  idempotencyKey?: string | undefined
}

export interface Call extends RequestOptions {
  query?: object | undefined
  /** Sent as JSON, or a form as multipart/form-data. */
  body?: object | undefined
  headers?: Record<string, string> | undefined
}

export interface HttpOptions {
  baseUrl: string
  /** API key or client token; undefined to send none. */
  bearer?: string | undefined
  fetch: typeof fetch
  timeout: number
  maxRetries: number
  /** From 0 to 1. */
  random?: () => number
}

const RETRIED = [408, 429, 500, 502, 503, 504]
const FIRST_PAUSE_MS = 500
const LONGEST_PAUSE_MS = 8000
/** An API that asks for a longer pause than this is not waited for. */
const LONGEST_RETRY_AFTER_S = 60

export class Http {
  readonly #options: HttpOptions
  readonly #random: () => number

  constructor(options: HttpOptions) {
    this.#options = options
    this.#random = options.random ?? Math.random
  }

  /** The JSON of an answer; undefined where it has no body. */
  async json<Body>(method: string, path: string, call: Call = {}): Promise<Body> {
    return this.#attempts(method, path, call, async (response) => {
      const text = await response.text()
      return text === '' ? undefined : JSON.parse(text)
    })
  }

  async blob(path: string, call: Call = {}): Promise<Blob> {
    return this.#attempts('GET', path, call, (response) => response.blob())
  }

  /** An answer whose body is read as it comes: `timeout` is for its head. To be stopped by `signal`. */
  async stream(path: string, call: Call = {}): Promise<Response> {
    return this.#attempts('GET', path, call, async (response) => response, true)
  }

  /** @param streams whether the body goes on after `read`. */
  async #attempts<T>(
    method: string,
    path: string,
    call: Call,
    read: (response: Response) => Promise<T>,
    streams = false,
  ): Promise<T> {
    const { fetch, timeout: usual, maxRetries: most } = this.#options
    const { signal, timeout = usual, maxRetries = most } = call
    const request = this.#requestOf(method, path, call)
    for (let attempt = 0; ; attempt++) {
      signal?.throwIfAborted()
      const limit = new AbortController()
      const stop = () => limit.abort(signal?.reason)
      signal?.addEventListener('abort', stop)
      const timer = setTimeout(() => limit.abort(new TimeoutError(`no answer within ${timeout} ms`)), timeout)
      let failure: Error | undefined
      let after: number | undefined
      let hasBegun = false
      try {
        const response = await fetch(request.url, { ...request.init, signal: limit.signal })
        hasBegun = response.ok || response.status === 304
        if (hasBegun) return await read(response)
        const refusal = (failure = await errorOf(response))
        after = refusal.retryAfter
        const canWait = after === undefined || after <= LONGEST_RETRY_AFTER_S
        if (!RETRIED.includes(response.status) || !canWait) throw failure
      } catch (error) {
        if (error === failure) throw error
        signal?.throwIfAborted()
        const reason = limit.signal.aborted ? limit.signal.reason : error
        failure =
          reason instanceof TimeoutError
            ? reason
            : new ConnectionError(`${method} ${request.url}: ${wordsOf(reason)}`, { cause: reason })
      } finally {
        clearTimeout(timer)
        if (!streams || !hasBegun) signal?.removeEventListener('abort', stop)
      }
      if (attempt >= maxRetries) throw failure
      await pause(after === undefined ? this.#backoff(attempt) : after * 1000 * (1 + this.#random() / 10), signal)
    }
  }

  #requestOf(method: string, path: string, { query = {}, body, headers, idempotencyKey }: Call) {
    const { baseUrl, bearer } = this.#options
    const url = new URL(path, baseUrl)
    for (const [name, value] of Object.entries(query))
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
    const isForm = body instanceof FormData
    // A link to another origin proves itself; the key is for the edge alone.
    const isOurs = url.origin === new URL(baseUrl).origin && !url.searchParams.has('sig')
    const init = {
      method,
      headers: {
        ...(bearer !== undefined && isOurs && { authorization: `Bearer ${bearer}` }),
        ...(body !== undefined && !isForm && { 'content-type': 'application/json' }),
        ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
        ...headers,
      },
      ...(body !== undefined && { body: isForm ? body : JSON.stringify(body) }),
    }
    return { url: url.href, init }
  }

  /** Doubles with each attempt, with jitter, so that callers who failed together do not come back together. */
  #backoff(attempt: number): number {
    const most = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** attempt)
    return most * (0.5 + this.#random() / 2)
  }
}

/** Resolves after `ms`; rejects with the reason of `signal` once that is aborted. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal?.throwIfAborted()
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop, { once: true })
  })
}

/** For `Idempotency-Key`. `crypto.randomUUID` is missing from pages without TLS. */
export function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

function wordsOf(reason: unknown): string {
  if (!(reason instanceof Error)) return String(reason)
  return reason.cause instanceof Error ? `${reason.message}: ${reason.cause.message}` : reason.message
}
