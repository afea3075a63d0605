/** Counts requests against a rate limit, and says in headers how it stands. */
import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { ProblemError } from './problems.ts'
import { type Policy, WINDOW_MS } from './rate-limiter.ts'

/**
 * Count a request, and say in the headers of its answer how the limit stands (draft-ietf-httpapi-ratelimit-headers-08,
 * and the older `ratelimit-remaining` and `-reset`). Throws `rate-limited` when there is none left.
 */
export function limit(c: Context<AppEnv>, who: string, policy: Policy): void {
  const { admitted, remaining, resetMs } = c.var.limiter.take(who, policy, c.var.tools.now())
  const seconds = Math.max(1, Math.ceil(resetMs / 1000))
  c.header('ratelimit-policy', `"${policy.name}";q=${policy.quota};w=${WINDOW_MS / 1000}`)
  c.header('ratelimit', `"${policy.name}";r=${remaining};t=${seconds}`)
  c.header('ratelimit-remaining', String(remaining))
  c.header('ratelimit-reset', String(seconds))
  if (admitted) return
  const detail = `Request was throttled. Your rate limit resets in ~${seconds}s.`
  throw new ProblemError('rate-limited', detail, undefined, { 'retry-after': String(seconds) })
}
