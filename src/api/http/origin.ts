/** Scheme and host that the links of answers, stories and webhooks begin with. */
import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { ProblemError } from './problems.ts'

/** Names that lead to the machine itself, and so to nobody else. */
const LOOPBACK = /^(localhost|[\w-]+\.localhost|127(\.\d{1,3}){3}|\[::1\])$/

/**
 * The setting PUBLIC_URL. Without it, the host of the request counts only on one's own machine: anywhere else the client
 * would choose the host of links that are stored and sent to others. Throws `misconfigured`.
 */
export function originOf(c: Context<AppEnv>): string {
  const { PUBLIC_URL } = c.var.settings
  if (PUBLIC_URL !== undefined) return new URL(PUBLIC_URL).origin
  const { origin, hostname } = new URL(c.req.url)
  if (LOOPBACK.test(hostname)) return origin
  throw new ProblemError('misconfigured', 'the setting PUBLIC_URL is missing: it is required outside localhost')
}
