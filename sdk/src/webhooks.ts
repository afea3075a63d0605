/** Webhooks, signed per Standard Webhooks (standardwebhooks.com). */
import { WebhookVerificationError } from './errors.ts'
import type { Http, RequestOptions } from './http.ts'
import type { StoryWebhook } from './types.ts'

export type WebhookHeaders = Headers | Readonly<Record<string, string | readonly string[] | undefined>>

/** Seconds that the clocks of sender and receiver may differ by. */
const TOLERANCE_S = 5 * 60

/**
 * The message, once it is proven to be genuine and at most five minutes old. Throws `WebhookVerificationError`.
 * @param body as it came: parsed and stringified JSON is another text.
 * @param secret `whsec_…` of `GET /webhooks/secret`
 */
export async function verifyWebhook(
  body: string | Uint8Array | ArrayBuffer,
  headers: WebhookHeaders,
  secret: string,
  now: number = Date.now(),
): Promise<StoryWebhook> {
  const [id, timestamp, signatures] = ['id', 'timestamp', 'signature'].map((name) =>
    required(headers, `webhook-${name}`),
  )
  const age = now / 1000 - Number(timestamp)
  if (!/^\d+$/.test(timestamp!)) throw new WebhookVerificationError('webhook-timestamp is not a number of seconds')
  if (age > TOLERANCE_S) throw new WebhookVerificationError(`the message is ${Math.round(age)} seconds old`)
  if (age < -TOLERANCE_S) throw new WebhookVerificationError('the message is from the future; check the clock')
  const text = typeof body === 'string' ? body : new TextDecoder().decode(body)
  const signed = new TextEncoder().encode(`${id}.${timestamp}.${text}`)
  const key = await keyOf(secret)
  for (const signature of signatures!.split(' ')) {
    const [version, mac] = signature.split(',')
    if (version === 'v1' && (await crypto.subtle.verify('HMAC', key, bytesOf(mac ?? '') ?? new Uint8Array(), signed)))
      return JSON.parse(text)
  }
  throw new WebhookVerificationError('no signature fits: is this the secret of the API key, and the body as it came?')
}

async function keyOf(secret: string): Promise<CryptoKey> {
  const bytes = bytesOf(secret.replace(/^whsec_/, ''))
  if (!bytes || bytes.length === 0) throw new WebhookVerificationError('the secret must be whsec_ and base64')
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['verify'])
}

function bytesOf(base64: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}

function required(headers: WebhookHeaders, name: string): string {
  const value =
    headers instanceof Headers
      ? headers.get(name)
      : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1]
  if (typeof value !== 'string' || value === '') throw new WebhookVerificationError(`the header ${name} is missing`)
  return value
}

export class Webhooks {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** See `verifyWebhook`. */
  verify = verifyWebhook

  /** The secret that signs the webhooks of this API key. */
  async secret(options: RequestOptions = {}): Promise<string> {
    const { key } = await this.#http.json<{ key: string }>('GET', 'webhooks/secret', options)
    return key
  }
}
