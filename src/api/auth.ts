/** Who is asking: an app with an API key, or a runner with the runners' token. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { findApiKey } from '../db/api-keys.ts'
import type { AppEnv } from './env.ts'
import { isWellFormed, sha256 } from './keys.ts'
import { ProblemError } from './problems.ts'
import { limit, type Policy } from './rate-limit.ts'
import { isRead, scopeFor } from './scopes.ts'
import { isSigned, refuseSignedUrl } from './signed-url.ts'

/**
 * Admits requests whose API key is in force, has the scope of the path and is within its rate limit; `c.var.apiKey` is
 * then its row. A key that has been in force before is counted, and perhaps refused, without a query; so are guesses,
 * by their address.
 */
export const requireApiKey = createMiddleware<AppEnv>(async (c, next) => {
  const { db, settings, tools, limiter } = c.var
  const address = c.req.header('cf-connecting-ip') ?? ''
  const guesses = { name: 'unauthenticated', quota: settings.RATE_LIMIT_UNAUTHENTICATED }
  const refuse = (detail: string) => {
    limit(c, address, guesses)
    return unauthorized(detail)
  }
  const key = credentialOf(c.req.header('authorization'))
  if ('wrong' in key) throw refuse(key.wrong)
  if (!isWellFormed(key.token)) throw refuse('the API key is misspelt: a key is ff_live_ and 39 characters')
  const hash = await sha256(new TextEncoder().encode(key.token))
  const known = limiter.quotaOf(hash)
  if (known === undefined) limit(c, address, guesses)
  else limit(c, hash, policyFor(c, known))
  const apiKey = await findApiKey(db, hash, tools.now())
  if (!apiKey) throw unauthorized('the API key is unknown or revoked')
  if (apiKey.expiresAt !== null && apiKey.expiresAt <= tools.now())
    throw unauthorized(`the API key expired at ${new Date(apiKey.expiresAt).toISOString()}`)
  limiter.keepQuota(hash, apiKey.createsPerMinute)
  if (known === undefined) {
    limiter.giveBack(address, guesses)
    limit(c, hash, policyFor(c, apiKey.createsPerMinute))
  }
  const scope = scopeFor(c.req.method, c.req.path)
  if (!apiKey.scopes.includes(scope))
    throw new ProblemError('forbidden', `the API key lacks the scope ${scope}; it has ${apiKey.scopes.join(', ')}`)
  c.set('apiKey', apiKey)
  await next()
})

function policyFor(c: Context<AppEnv>, createsPerMinute: number | null): Policy {
  const { RATE_LIMIT_READ, RATE_LIMIT_CREATE } = c.var.settings
  return isRead(c.req.method)
    ? { name: 'read', quota: RATE_LIMIT_READ }
    : { name: 'create', quota: createsPerMinute ?? RATE_LIMIT_CREATE }
}

/**
 * For paths that are read by an API key or by a signed link to them. `readerId` is then the key's id, or undefined: who
 * holds the link may read what it names, whoever owns that.
 */
export const requireApiKeyOrLink = createMiddleware<AppEnv>(async (c, next) => {
  if (!isSigned(c.req.url)) {
    return requireApiKey(c, async () => {
      c.set('readerId', c.var.apiKey.id)
      await next()
    })
  }
  const refusal = refuseSignedUrl(c.req.url, c.var.tools.now(), c.var.settings)
  if (refusal) throw unauthorized(refusal)
  await next()
})

export const requireRunner = createMiddleware<AppEnv>(async (c, next) => {
  if (!(await isBearerOf(c, c.var.settings.RUNNER_TOKEN))) throw unauthorized('the runner token is wrong')
  await next()
})

export const requireMetricsToken = createMiddleware<AppEnv>(async (c, next) => {
  const { METRICS_TOKEN } = c.var.settings
  if (METRICS_TOKEN === undefined) throw new ProblemError('not-found', 'the edge has no METRICS_TOKEN')
  if (!(await isBearerOf(c, METRICS_TOKEN))) throw unauthorized('the metrics token is wrong')
  await next()
})

/** Hashes are compared, so that the time it takes tells nothing about the token. */
async function isBearerOf(c: Context<AppEnv>, token: string): Promise<boolean> {
  const given = bearer(c.req.header('authorization'))
  const [one, other] = await Promise.all([given, token].map((text) => sha256(new TextEncoder().encode(text))))
  return one === other
}

function bearer(header: string | undefined): string {
  const credential = credentialOf(header)
  if ('wrong' in credential) throw unauthorized(credential.wrong)
  return credential.token
}

/** `Bearer` is the standard's scheme; `Token` is what some of Replicate's examples send. */
function credentialOf(header: string | undefined): { token: string } | { wrong: string } {
  if (!header) return { wrong: 'the header Authorization is missing' }
  const [, token] = /^(?:bearer|token) +(\S+)$/i.exec(header) ?? []
  return token ? { token } : { wrong: 'the header Authorization does not read "Bearer <token>"' }
}

const unauthorized = (detail: string) =>
  new ProblemError('unauthorized', detail, undefined, { 'www-authenticate': 'Bearer' })
