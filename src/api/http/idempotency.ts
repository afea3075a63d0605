/**
 * `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header): a request that creates a story or a
 * character may be sent again, because its answer may have been lost, without creating another.
 *
 * The key counts for one API key and 24 hours. The same request gets the same status and body again, with
 * `Idempotent-Replayed: true`; another request under the key is refused with 422. The draft's 409, for a repeat that
 * comes while the first is under way, is not needed: key, resource and answer are written in one batch.
 */
import type { Context } from 'hono'
import { z } from 'zod'
import type { Once } from '../../db/idempotency.ts'
import type { IdempotencyRow } from '../../db/schema/idempotency.ts'
import { sha256 } from '../../platform/ids.ts'
import type { AppEnv } from './app-env.ts'
import { ProblemError } from './problems.ts'

const rule = '1-255 visible ASCII characters, bare or as an RFC 8941 string in double quotes'

/** Bare, or as an RFC 8941 string; both spell the same key. */
export const IdempotencyKey = z
  .string()
  .regex(/^(?:[!#-~][!-~]*|"(?:[ !#-[\]-~]|\\["\\])+")$/, rule)
  .transform((text) => (text.startsWith('"') ? text.slice(1, -1).replace(/\\(.)/g, '$1') : text))
  .pipe(z.string().max(255, rule))

/** For the `request.headers` of a route that creates. */
export const IdempotencyHeaders = z.object({
  'idempotency-key': IdempotencyKey.optional().describe(
    'Makes the request safe to send again for 24 hours: a repeat gets the first answer. Use a new key for each new request.',
  ),
})

const CREATES =
  /^\/(stories|characters|keys|v1\/predictions|v1\/images\/generations|v1\/models\/[^/]+\/[^/]+\/predictions|stories\/[^/]+\/frames(\/\d+\/redraw)?|keys\/[^/]+\/rotate)$/

/** Whether a route takes the header: elsewhere it promises nothing. */
export const takesIdempotencyKey = (method: string, path: string) => method === 'POST' && CREATES.test(path)

/** Headers of an answer that was given before. */
export const REPLAYED = { 'idempotent-replayed': 'true' }

/** @param request the body after validation, so that white space and the order of fields do not count. */
export async function fingerprintOf(c: Context<AppEnv>, request: unknown): Promise<string> {
  return sha256(new TextEncoder().encode(`${c.req.method} ${c.req.path}\n${JSON.stringify(request)}`))
}

/** Throws `idempotency-mismatch` unless what is remembered under the key was the same request. */
export function requireSameRequest(
  { key, fingerprint }: Pick<Once, 'key' | 'fingerprint'>,
  earlier: Pick<IdempotencyRow, 'fingerprint' | 'createdAt'>,
): void {
  if (earlier.fingerprint === fingerprint) return
  const at = new Date(earlier.createdAt).toISOString()
  throw new ProblemError('idempotency-mismatch', `the Idempotency-Key ${key} was sent with another request at ${at}`)
}
