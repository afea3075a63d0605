/** Who is asking: an app with an API key, or a runner with the runners' token. */
import type { Context } from 'hono'
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
  if (!header) throw unauthorized('the header Authorization is missing')
  const [, token] = /^bearer +(\S+)$/i.exec(header) ?? []
  if (!token) throw unauthorized('the header Authorization does not read "Bearer <token>"')
  return token
}

const unauthorized = (detail: string) =>
  new ProblemError('unauthorized', detail, undefined, { 'www-authenticate': 'Bearer' })
