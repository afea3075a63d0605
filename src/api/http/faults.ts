/** Errors that no handler meant, and how they are answered. What is logged: `platform/log.ts`. */
import type { Context } from 'hono'
import { SettingsError } from '../../platform/env.ts'
import { reasonOf } from '../../platform/log.ts'
import type { AppEnv } from './app-env.ts'
import { takesIdempotencyKey } from './idempotency.ts'
import { ProblemError } from './problems.ts'

/** What D1 says when it has too much to do or loses its connection: the same request may succeed in a moment. */
const OVERLOADED =
  /overloaded|too many requests queued|network connection lost|object (to )?be reset|was reset|storage caused object|exceeded timeout|timed out|database is locked|SQLITE_BUSY/i
/** What SQLite says when code and schema are of different versions. */
const UNMIGRATED = /no such (table|column)|has no column named/i
const RETRY_AFTER_SECONDS = 2

/** The problem that an unexpected error is answered with. Says nothing of its text, which may hold data or SQL. */
export function problemOf(error: Error, c: Context<AppEnv>): ProblemError {
  const retry = { 'retry-after': String(RETRY_AFTER_SECONDS) }
  if (error instanceof SettingsError) return new ProblemError('misconfigured', error.message)
  const reason = reasonOf(error)
  if (UNMIGRATED.test(reason))
    return new ProblemError('unavailable', 'the database has not been migrated to this version', undefined, retry)
  if (OVERLOADED.test(reason))
    return new ProblemError('unavailable', `the database is overloaded; ${adviceFor(c)}`, undefined, retry)
  return new ProblemError('internal', `something went wrong on our side; ${adviceFor(c)}`)
}

/** The state of the database, for those who watch over it: neither SQL nor names of tables. */
export function healthOf(error: Error): string {
  const reason = reasonOf(error)
  if (error instanceof Late) return error.message
  if (UNMIGRATED.test(reason)) return 'it has not been migrated to this version'
  return OVERLOADED.test(reason) ? 'it is overloaded' : 'it fails; the log of the edge says why'
}

/** The database took too long. */
export class Late extends Error {
  override name = 'Late'
}

/** What is known of sending the request again. */
function adviceFor(c: Context<AppEnv>): string {
  const { method, path } = c.req
  if (method !== 'POST' && method !== 'PATCH') return 'it is safe to send the request again'
  if (!takesIdempotencyKey(method, path)) return 'the request may have taken effect: look before you send it again'
  return c.req.header('idempotency-key') === undefined
    ? 'the request may have taken effect: look before you send it again, and send the next one with an Idempotency-Key'
    : 'it is safe to send the request again with the same Idempotency-Key'
}
