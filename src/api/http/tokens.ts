/** Who is asking, where it is no app: a runner, by a token of the settings or a key of its own, or who scrapes metrics. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import { secretsOf } from '../../db/webhooks/endpoint.ts'
import { isWellFormed } from '../../platform/api-key.ts'
import { sha256 } from '../../platform/ids.ts'
import type { AppEnv } from './app-env.ts'
import { credentialOf, presentKey } from './auth.ts'
import { unauthorized, wrongCredential } from './guesses.ts'
import { ProblemError } from './problems.ts'

/** A runner calls many times a second, so its key is read this often at most: revoking it takes as long. */
const PRESUME_MS = 5_000

/** Admits a RUNNER_TOKEN, or an API key with the scope `runner`, which is then `c.var.apiKey`. */
export const requireRunner = createMiddleware<AppEnv>(async (c, next) => {
  await admitRunner(c)
  await next()
})

/** The secrets one of which signs the events of the runner that is asking: those of its key, or those of the settings. */
export async function runnerSecrets(c: Context<AppEnv>): Promise<readonly string[]> {
  const { settings, tools } = c.var
  if (c.req.header('authorization') === undefined) return settings.RUNNER_WEBHOOK_SECRET
  await admitRunner(c)
  return c.var.apiKey ? secretsOf(c.var.apiKey, tools.now()) : settings.RUNNER_WEBHOOK_SECRET
}

async function admitRunner(c: Context<AppEnv>): Promise<void> {
  const token = credentialOf(c)
  if (await isOneOf(token, c.var.settings.RUNNER_TOKEN)) return
  if (!isWellFormed(token)) throw wrongCredential(c, 'the runner token is wrong')
  await presentKey(c, token, PRESUME_MS, () => undefined)
  if (!c.var.apiKey.scopes.includes('runner')) throw unauthorized('the API key lacks the scope runner')
}

export const requireMetricsToken = createMiddleware<AppEnv>(async (c, next) => {
  const { METRICS_TOKEN } = c.var.settings
  if (METRICS_TOKEN === undefined) throw new ProblemError('not-found', 'the edge has no METRICS_TOKEN')
  if (!(await isOneOf(credentialOf(c), METRICS_TOKEN))) throw wrongCredential(c, 'the metrics token is wrong')
  await next()
})

/** Compares hashes, so that the time it takes does not depend on the tokens. */
async function isOneOf(given: string, tokens: readonly string[]): Promise<boolean> {
  const [hash, ...hashes] = await Promise.all([given, ...tokens].map((text) => sha256(new TextEncoder().encode(text))))
  return hashes.some((one) => one === hash)
}
