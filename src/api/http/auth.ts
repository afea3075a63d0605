/** Who is asking: an app with an API key or a client token, or whoever holds a signed link. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { type ApiKeyRow, findApiKey, findKey } from '../../db/keys/api-keys.ts'
import { findReplacedKey } from '../../db/keys/make-key.ts'
import { isWellFormed } from '../../platform/api-key.ts'
import { isClientToken, readClientToken } from '../../platform/client-token.ts'
import { sha256 } from '../../platform/ids.ts'
import { generationOf, isSigned, refuseSignedUrl } from '../../platform/signed-url.ts'
import type { AppEnv } from './app-env.ts'
import { requireOrigin } from './cors.ts'
import { unauthorized, wrongCredential } from './guesses.ts'
import { IdempotencyKey } from './idempotency.ts'
import { ProblemError, TokenLimitError } from './problems.ts'
import { limit } from './rate-limit.ts'
import type { Policy } from './rate-limiter.ts'
import { isRead, scopeFor } from './scopes.ts'

/** How old a row may be by which a key is presumed to be in force. */
const PRESUME_MS = 60_000
/** Keys with the right checksum that an isolate looks up in a minute, for each guess that one network may make. */
const LOOKUPS_PER_GUESS = 50

/**
 * Admits requests whose API key is in force, has the scope of the path and is within its rate limit; `c.var.apiKey` is
 * then its row. A key that has been in force before is counted, and perhaps refused, without a query.
 */
export const requireApiKey = createMiddleware<AppEnv>(async (c, next) => {
  await countIn(c)
  await next()
})

/** The same, or a client token that covers the request: `c.var.clientToken`. */
export const requireApiKeyOrToken = createMiddleware<AppEnv>(async (c, next) => {
  const credential = credentialOf(c)
  await (isClientToken(credential) ? presentToken(c, credential) : countIn(c))
  await next()
})

/**
 * For `POST /stories`, also with a client token: the same without a query where the key was in force a moment ago, and a story is to be written, by
 * a statement that checks the key itself (`db/queue/enqueue.ts`). `c.var.apiKey` is its row as it was then. Whatever else
 * is answered has to `admit` the key first.
 */
export const presumeApiKey = createMiddleware<AppEnv>(async (c, next) => {
  // The statement does not check whether the key still admits the page that asks.
  const has = (name: string) => c.req.header(name) !== undefined
  const onlyWrites = !has('idempotency-key') && !has('origin') && c.req.query('dry_run') === undefined
  const credential = credentialOf(c)
  await (isClientToken(credential) ? presentToken(c, credential) : countIn(c, onlyWrites ? PRESUME_MS : 0))
  await next()
})

/**
 * For `POST /keys/{id}/rotate`: also admits the key that the very request has replaced, without overlap, while its answer is
 * remembered; `c.var.onlyReplay` is then set. Else a lost answer would be a key that nobody has.
 */
export const requireApiKeyOrReplaced = createMiddleware<AppEnv>(async (c, next) => {
  try {
    await countIn(c)
  } catch (error) {
    const replaced = await replacedKey(c)
    if (!replaced) throw error
    c.set('apiKey', replaced)
    c.set('onlyReplay', true)
    requireScope(c, replaced)
    requireOrigin(c, 'the API key', replaced.origins)
  }
  await next()
})

async function replacedKey(c: Context<AppEnv>): Promise<ApiKeyRow | undefined> {
  const { db, tools, keyHash } = c.var
  const idempotencyKey = IdempotencyKey.safeParse(c.req.header('idempotency-key')).data
  if (keyHash === undefined || idempotencyKey === undefined) return undefined
  return findReplacedKey(db, keyHash, idempotencyKey, tools.now())
}

/** @param presumeMs how old what is known of the key may be, to do instead of its row. */
async function countIn(c: Context<AppEnv>, presumeMs = 0): Promise<void> {
  const credential = credentialOf(c)
  if (isClientToken(credential))
    throw new TokenLimitError('scope', 'a client token creates and follows stories; this takes an API key')
  await presentKey(c, credential, presumeMs, policyFor(c))
  requireScope(c, c.var.apiKey)
  requireOrigin(c, 'the API key', c.var.apiKey.origins)
  c.set('reader', c.var.apiKey.id)
}

/**
 * Takes a key that was presented: `c.var.apiKey` is its row, and `c.var.keyHash` its hash. Throws when it is not in force
 * or over the limit of `policyOf`. Wrong keys never count against keys that are in force:
 * guesses by their network, and keys with the right checksum, which cost a query, by a quota of the isolate.
 */
export async function presentKey(
  c: Context<AppEnv>,
  token: string,
  presumeMs: number,
  policyOf: (key: ApiKeyRow) => Policy | undefined,
): Promise<void> {
  const { settings, tools, limiter } = c.var
  if (!isWellFormed(token)) throw wrongCredential(c, 'the API key is misspelt: a key is ff_live_ and 39 characters')
  const hash = await sha256(new TextEncoder().encode(token))
  c.set('keyHash', hash)
  const count = (row: ApiKeyRow) => {
    const policy = policyOf(row)
    if (policy) limit(c, hash, policy)
  }
  const known = limiter.keyOf(hash)
  if (known) count(known.row)
  if (known && tools.now() < known.readAt + presumeMs) c.set('apiKey', known.row)
  else if (known) await admit(c)
  else {
    const quota = settings.RATE_LIMIT_UNAUTHENTICATED * LOOKUPS_PER_GUESS
    const lookups = { name: 'lookups', quota }
    const refused = limiter.refusedLately(hash, tools.now())
    if (refused !== undefined) throw wrongCredential(c, refused)
    limit(c, '', lookups)
    await admit(c)
    limiter.giveBack('', lookups)
    count(c.var.apiKey)
  }
}

/** Reads the key that was presented: `c.var.apiKey` is its row as it is now. Throws when it is not in force. */
export async function admit(c: Context<AppEnv>): Promise<void> {
  const { db, tools, limiter, keyHash } = c.var
  const now = tools.now()
  const apiKey = await findApiKey(db, keyHash, now)
  const refusal = refusalOf(apiKey, now)
  if (!apiKey || refusal !== undefined) {
    const detail = refusal ?? ''
    limiter.keepRefusal(keyHash, detail, now)
    throw wrongCredential(c, detail)
  }
  limiter.keepKey(keyHash, apiKey, now)
  c.set('apiKey', apiKey)
}

function refusalOf(key: ApiKeyRow | undefined, now: number): string | undefined {
  if (!key) return 'the API key is unknown or revoked'
  const { expiresAt } = key
  return expiresAt !== null && expiresAt <= now
    ? `the API key expired at ${new Date(expiresAt).toISOString()}`
    : undefined
}

/**
 * Takes a client token: `c.var.apiKey` is the key that made it. Throws when it is over, when its key is, when its key has
 * ended all links, and for a request that it does not cover. Each token has a rate limit of its own.
 */
export async function presentToken(c: Context<AppEnv>, text: string): Promise<void> {
  const { db, settings, tools } = c.var
  const token = readClientToken(text, settings)
  if (!token) throw wrongCredential(c, 'the client token is misspelt')
  const { id, apiKeyId, generation, expires, origins, grant } = token
  limit(c, id, policyFor(c)({ createsPerMinute: null }))
  const now = tools.now()
  if (now >= expires * 1000) {
    const detail = `the client token expired at ${new Date(expires * 1000).toISOString()}`
    throw new ProblemError('token-expired', detail, undefined, { 'www-authenticate': 'Bearer' })
  }
  const apiKey = await findKey(db, apiKeyId)
  const isInForce = apiKey?.revokedAt === null && refusalOf(apiKey, now) === undefined
  if (!isInForce || apiKey.linkGeneration !== generation) throw unauthorized('the client token was revoked')
  requireOrigin(c, 'the client token', origins)
  if ('story' in grant && !(isRead(c.req.method) && c.req.param('id') === grant.story))
    throw new TokenLimitError('story', `the client token follows the story ${grant.story}, and nothing else`)
  c.set('apiKey', apiKey)
  c.set('clientToken', token)
  c.set('reader', 'story' in grant ? apiKeyId : { clientToken: id })
}

/** Throws `forbidden` unless the key has the scope of the path. */
export function requireScope(c: Context<AppEnv>, { scopes }: Pick<ApiKeyRow, 'scopes'>): void {
  const scope = scopeFor(c.req.method, c.req.path)
  if (!scopes.includes(scope))
    throw new ProblemError('forbidden', `the API key lacks the scope ${scope}; it has ${scopes.join(', ')}`)
}

const policyFor =
  (c: Context<AppEnv>) =>
  ({ createsPerMinute }: Pick<ApiKeyRow, 'createsPerMinute'>): Policy => {
    const { RATE_LIMIT_READ, RATE_LIMIT_CREATE } = c.var.settings
    return isRead(c.req.method)
      ? { name: 'read', quota: RATE_LIMIT_READ }
      : { name: 'create', quota: createsPerMinute ?? RATE_LIMIT_CREATE }
  }

/**
 * For paths that are read by an API key, a client token or a signed link to them, as long as the key that made what it leads
 * to has the generation of the link. `c.var.reader` says which.
 */
export const requireReader = createMiddleware<AppEnv>(async (c, next) => {
  if (!isSigned(c.req.url)) return requireApiKeyOrToken(c, next)
  c.set('openTo', '*')
  const refusal = refuseSignedUrl(c.req.url, c.var.tools.now(), c.var.settings)
  if (refusal) throw wrongCredential(c, refusal)
  // By what the link leads to, since a page may be opened by many: nobody's requests stop another's.
  limit(c, c.req.param('id') ?? '', { name: 'link', quota: c.var.settings.RATE_LIMIT_LINK })
  c.set('reader', { linkGeneration: generationOf(c.req.url) })
  await next()
})

/**
 * The credential in the header Authorization. `Bearer` is the standard's scheme; `Token` is what some of Replicate's
 * examples send. Throws when there is none.
 */
export function credentialOf(c: Context<AppEnv>): string {
  const header = c.req.header('authorization')
  if (!header) throw wrongCredential(c, 'the header Authorization is missing')
  const [, token] = /^(?:bearer|token) +(\S+)$/i.exec(header) ?? []
  if (!token) throw wrongCredential(c, 'the header Authorization does not read "Bearer <token>"')
  return token
}
