/** Who is asking: an app with an API key, or a runner with the runners' token. */
import { createMiddleware } from 'hono/factory'
import { findApiKey } from '../db/api-keys.ts'
import type { AppEnv } from './env.ts'
import { isWellFormed, sha256 } from './keys.ts'
import { ProblemError } from './problems.ts'
import { isSigned, refuseSignedUrl } from './signed-url.ts'

export const requireApiKey = createMiddleware<AppEnv>(async (c, next) => {
  const key = bearer(c.req.header('authorization'))
  if (!isWellFormed(key)) throw unauthorized('the API key is misspelt: a key is ff_live_ and 39 characters')
  const apiKey = await findApiKey(c.var.db, await sha256(new TextEncoder().encode(key)))
  if (!apiKey) throw unauthorized('the API key is unknown or revoked')
  c.set('apiKey', apiKey)
  await next()
})

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
  const token = bearer(c.req.header('authorization'))
  // Hashes are compared, so that the time it takes tells nothing about the token.
  const [given, expected] = await Promise.all(
    [token, c.var.settings.RUNNER_TOKEN].map((text) => sha256(new TextEncoder().encode(text))),
  )
  if (given !== expected) throw unauthorized('the runner token is wrong')
  await next()
})

function bearer(header: string | undefined): string {
  if (!header) throw unauthorized('the header Authorization is missing')
  const [, token] = /^bearer +(\S+)$/i.exec(header) ?? []
  if (!token) throw unauthorized('the header Authorization does not read "Bearer <token>"')
  return token
}

const unauthorized = (detail: string) =>
  new ProblemError('unauthorized', detail, undefined, { 'www-authenticate': 'Bearer' })
