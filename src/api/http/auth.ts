/** Who is asking: an app with an API key, or a runner with the runners' token. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { type ApiKeyRow, findApiKey } from '../../db/keys/api-keys.ts'
import { isWellFormed } from '../../platform/api-key.ts'
import { sha256 } from '../../platform/ids.ts'
import { isSigned, refuseSignedUrl } from '../../platform/signed-url.ts'
import type { AppEnv } from './app-env.ts'
import { ProblemError } from './problems.ts'
import { limit } from './rate-limit.ts'
import type { Policy } from './rate-limiter.ts'
import { isRead, scopeFor } from './scopes.ts'

/** How old a row may be by which a key is presumed to be in force. */
const PRESUME_MS = 60_000

/**
 * Admits requests whose API key is in force, has the scope of the path and is within its rate limit; `c.var.apiKey` is
 * then its row. A key that has been in force before is counted, and perhaps refused, without a query; so are guesses,
 * by their address.
 */
export const requireApiKey = createMiddleware<AppEnv>(async (c, next) => {
  await countIn(c)
  await next()
})

/**
 * For `POST /stories`: the same without a query where the key was in force a moment ago, and a story is to be written, by
 * a statement that checks the key itself (`db/queue/admission.ts`). `c.var.apiKey` is its row as it was then. Whatever else
 * is answered has to `admit` the key first.
 */
export const presumeApiKey = createMiddleware<AppEnv>(async (c, next) => {
  const onlyWrites = c.req.header('idempotency-key') === undefined && c.req.query('dry_run') === undefined
  await countIn(c, onlyWrites ? PRESUME_MS : 0)
  await next()
})

/** @param presumeMs how old what is known of the key may be, to do instead of its row. */
async function countIn(c: Context<AppEnv>, presumeMs = 0): Promise<void> {
  const { settings, tools, limiter } = c.var
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
  c.set('keyHash', hash)
  const known = limiter.keyOf(hash)
  if (known === undefined) limit(c, address, guesses)
  else limit(c, hash, policyFor(c, known.row.createsPerMinute))
  if (known && tools.now() < known.readAt + presumeMs) {
    requireScope(c, known.row)
    return c.set('apiKey', known.row)
  }
  await admit(c)
  if (known === undefined) {
    limiter.giveBack(address, guesses)
    limit(c, hash, policyFor(c, c.var.apiKey.createsPerMinute))
  }
  requireScope(c, c.var.apiKey)
}

/** Reads the key that was shown: `c.var.apiKey` is its row as it is now. Throws when it is not in force. */
export async function admit(c: Context<AppEnv>): Promise<void> {
  const { db, tools, limiter, keyHash } = c.var
  const now = tools.now()
  const apiKey = await findApiKey(db, keyHash, now)
  if (!apiKey) throw unauthorized('the API key is unknown or revoked')
  if (apiKey.expiresAt !== null && apiKey.expiresAt <= now)
    throw unauthorized(`the API key expired at ${new Date(apiKey.expiresAt).toISOString()}`)
  limiter.keepKey(keyHash, apiKey, now)
  c.set('apiKey', apiKey)
}

/** Throws `forbidden` unless the key has the scope of the path. */
export function requireScope(c: Context<AppEnv>, { scopes }: Pick<ApiKeyRow, 'scopes'>): void {
  const scope = scopeFor(c.req.method, c.req.path)
  if (!scopes.includes(scope))
    throw new ProblemError('forbidden', `the API key lacks the scope ${scope}; it has ${scopes.join(', ')}`)
}

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

/** Compares hashes, so that the time it takes does not depend on the token. */
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
