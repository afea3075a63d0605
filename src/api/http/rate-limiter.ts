/**
 * Rate limits, held in the memory of the isolate so that what is refused costs no query. Each is a token bucket: a
 * quota may be spent at once and comes back evenly over a minute. Isolates count by themselves, so the limits bound what
 * reaches one isolate's database connection, not to the request what a key does worldwide; caps on stories are exact.
 */
import type { ApiKeyRow } from '../../db/keys/api-keys.ts'

export const WINDOW_MS = 60_000
/** How long a key that was not in force is refused without looking again. */
const REFUSAL_MS = 5_000
/** The longest unused are forgotten first, which gives them their whole quota back. */
const MAX_ENTRIES = 10_000

export interface Policy {
  name: string
  /** Requests a minute. */
  quota: number
}

interface Bucket {
  /** At `at` (ms since 1970). */
  tokens: number
  at: number
}

export interface KnownKey {
  row: ApiKeyRow
  /** ms since 1970. */
  readAt: number
}

export class RateLimiter {
  readonly #buckets = new Map<string, Bucket>()
  /** Keys that have been in force, as they were, by hash. */
  readonly #keys = new Map<string, KnownKey>()
  /** Keys that were not in force, by hash: a client that goes on sending one costs no more queries. */
  readonly #refusals = new Map<string, { detail: string; at: number }>()

  /** Take one request of `who` out of its quota. */
  take(who: string, { name, quota }: Policy, now: number): { admitted: boolean; remaining: number; resetMs: number } {
    const id = `${name} ${who}`
    const bucket = this.#buckets.get(id) ?? { tokens: quota, at: now }
    const tokens = Math.min(quota, bucket.tokens + (Math.max(0, now - bucket.at) * quota) / WINDOW_MS)
    const admitted = tokens >= 1
    const left = admitted ? tokens - 1 : tokens
    this.#buckets.delete(id)
    // Also when the clock has been set back: else nothing would come back until it has caught up.
    this.#buckets.set(id, { tokens: left, at: now })
    bound(this.#buckets)
    return { admitted, remaining: Math.floor(left), resetMs: ((admitted ? quota : 1) - left) * (WINDOW_MS / quota) }
  }

  /** Undo a `take`, of a request that proved to be none of those that are counted there. */
  giveBack(who: string, { name }: Policy): void {
    const bucket = this.#buckets.get(`${name} ${who}`)
    if (bucket) bucket.tokens += 1
  }

  /** A key as it was when it was last seen in force; undefined when it never was. */
  keyOf(hash: string): KnownKey | undefined {
    return this.#keys.get(hash)
  }

  /** Why a key was refused a moment ago; undefined when it was not. */
  refusedLately(hash: string, now: number): string | undefined {
    const refusal = this.#refusals.get(hash)
    return refusal && Math.abs(now - refusal.at) < REFUSAL_MS ? refusal.detail : undefined
  }

  keepRefusal(hash: string, detail: string, at: number): void {
    this.#keys.delete(hash)
    this.#refusals.delete(hash)
    this.#refusals.set(hash, { detail, at })
    bound(this.#refusals)
  }

  keepKey(hash: string, row: ApiKeyRow, readAt: number): void {
    this.#keys.delete(hash)
    this.#keys.set(hash, { row, readAt })
    bound(this.#keys)
  }
}

function bound(map: Map<string, unknown>): void {
  for (const oldest of map.keys()) {
    if (map.size <= MAX_ENTRIES) return
    map.delete(oldest)
  }
}
