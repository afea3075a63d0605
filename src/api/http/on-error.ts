/** What the edge answers when a handler throws, and when there is none. */
import type { Context, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import { logError } from '../../platform/log.ts'
import type { AppEnv } from './app-env.ts'
import { problemOf } from './faults.ts'
import { ProblemError, respond } from './problems.ts'

export const onError: ErrorHandler<AppEnv> = (error, c) => {
  if (error instanceof ProblemError) return respond(c, error)
  if (error instanceof HTTPException && error.status === 400)
    return respond(c, new ProblemError('malformed-json', 'the body is not JSON'))
  if (error instanceof HTTPException && error.status === 415) {
    const type = c.req.header('content-type')
    const detail = type ? `the body is declared as ${type}, not as application/json` : 'Content-Type is missing'
    return respond(c, new ProblemError('unsupported-media-type', detail))
  }
  const { method, path } = c.req
  logError('request', error, { request_id: c.var.requestId, method, path })
  return respond(c, problemOf(error, c))
}

export const onNotFound = (c: Context<AppEnv>) =>
  respond(c, new ProblemError('not-found', `no such path: ${c.req.path}`))
