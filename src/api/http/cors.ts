/**
 * CORS (Fetch Standard): which pages of other sites may send a request and read its answer. There are no cookies, so
 * credentials in their sense are never allowed. What a signed link opens, and what is public, any page may read. With an
 * API key or a client token, pages of its `origins` may; a page of another site is refused before anything is done, and may
 * read that refusal.
 */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { AppEnv } from './app-env.ts'
import { cut, ProblemError } from './problems.ts'

/** Request headers of ours. A preflight allows those that it asks for too: clients send headers about themselves. */
const REQUEST_HEADERS = [
  'authorization',
  'cancel-after',
  'content-type',
  'idempotency-key',
  'if-none-match',
  'if-range',
  'last-event-id',
  'prefer',
  'range',
  'traceparent',
]
const EXPOSED_HEADERS = [
  'accept-ranges',
  'allow',
  'content-disposition',
  'content-range',
  'etag',
  'idempotent-replayed',
  'location',
  'preference-applied',
  'ratelimit',
  'ratelimit-policy',
  'ratelimit-remaining',
  'ratelimit-reset',
  'retry-after',
  'www-authenticate',
  'x-request-id',
].join(', ')
/** Two hours: Chromium remembers a preflight no longer. */
const PREFLIGHT_SECONDS = 7200
/** Names of headers that one preflight may ask for besides ours. */
const MAX_REQUESTED = 50
/** Paths of machines. */
const NOT_FOR_PAGES = /^\/(runner|metrics)(\/|$)/

/** Says who may read an answer; around everything that answers. */
export const cors = createMiddleware<AppEnv>(async (c, next) => {
  await next()
  if (c.req.method === 'OPTIONS' || NOT_FOR_PAGES.test(c.req.path)) return
  const readers = c.var.openTo ?? (c.res.status >= 400 ? c.req.header('origin') : undefined)
  if (c.var.openTo !== '*') c.header('vary', 'Origin', { append: true })
  if (readers === undefined) return
  c.header('access-control-allow-origin', readers)
  c.header('access-control-expose-headers', EXPOSED_HEADERS)
})

/** For routes whose answer any page may read. */
export const openToPages = createMiddleware<AppEnv>(async (c, next) => {
  c.set('openTo', '*')
  await next()
})

/** Throws `origin-not-allowed` for a page of a site that is neither among `origins` nor this one. */
export function requireOrigin(c: Context<AppEnv>, whose: string, origins: readonly string[]): void {
  const origin = c.req.header('origin')
  if (origin === undefined || isOwn(c, origin)) return
  if (!origins.includes(origin)) {
    const allowed = origins.length > 0 ? `those of ${origins.join(', ')}` : 'no pages of other sites'
    throw new ProblemError('origin-not-allowed', `${whose} admits ${allowed}, not ${cut(origin)}`)
  }
  c.set('openTo', origin)
}

/** Whether the edge itself has served the page. */
function isOwn(c: Context<AppEnv>, origin: string): boolean {
  const { PUBLIC_URL } = c.var.settings
  return origin === new URL(c.req.url).origin || (PUBLIC_URL !== undefined && origin === new URL(PUBLIC_URL).origin)
}

/**
 * The answer to OPTIONS. A preflight names no key, so it admits the page of any site; the request that follows is refused
 * where its key does not admit it.
 */
export function answerOptions(c: Context<AppEnv>, allow: string): Response {
  c.header('allow', allow)
  if (!NOT_FOR_PAGES.test(c.req.path)) {
    const requested = (c.req.header('access-control-request-headers') ?? '').toLowerCase().split(',')
    const others = requested.map((name) => name.trim()).filter((name) => /^[a-z0-9!#$%&'*+.^_`|~-]{1,100}$/.test(name))
    c.header('access-control-allow-origin', '*')
    c.header('access-control-allow-methods', allow)
    c.header(
      'access-control-allow-headers',
      [...new Set([...REQUEST_HEADERS, ...others.slice(0, MAX_REQUESTED)])].join(', '),
    )
    c.header('access-control-max-age', String(PREFLIGHT_SECONDS))
    c.header('vary', 'Access-Control-Request-Headers')
  }
  return c.body(null, 204)
}
