/** Wrong keys, tokens and signatures, limited by the network that they come from. */
import type { Context } from 'hono'
import type { AppEnv } from './app-env.ts'
import { ProblemError } from './problems.ts'
import { limit } from './rate-limit.ts'

/** What a wrong credential is answered: 401, or 429 when too many have come from its network. */
export function wrongCredential(c: Context<AppEnv>, detail: string): ProblemError {
  countGuess(c)
  return unauthorized(detail)
}

/** Throws `rate-limited` when too many wrong credentials have come from the network of the request. */
export function countGuess(c: Context<AppEnv>): void {
  const quota = c.var.settings.RATE_LIMIT_UNAUTHENTICATED
  limit(c, networkOf(c.req.header('cf-connecting-ip') ?? ''), { name: 'unauthenticated', quota })
}

export const unauthorized = (detail: string) =>
  new ProblemError('unauthorized', detail, undefined, { 'www-authenticate': 'Bearer' })

/** The address, or of IPv6 its /64: one customer of a provider has that many addresses to guess from. */
export function networkOf(address: string): string {
  const [, mapped] = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address) ?? []
  if (mapped !== undefined) return mapped
  if (!address.includes(':')) return address
  const [head = '', tail] = address
    .replace(/%.*/, '')
    .replace(/\d+\.\d+\.\d+\.\d+$/, '0:0')
    .split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const omitted = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length
  const all = [...groups(head), ...Array<string>(Math.max(0, omitted)).fill('0'), ...groups(tail ?? '')]
  return `${all
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}
