/** Every answer that is not a success: an RFC 9457 problem document. */
import type { Context, ErrorHandler } from 'hono'
import { HTTPException } from 'hono/http-exception'
import type { z } from 'zod'
import { issuesOf, PROBLEMS, type Problem, type ProblemName } from '../../../contract/problem.ts'
import type { AppEnv } from './app-env.ts'

/** What is wrong, and where: a JSON pointer (RFC 6901). */
export type Fault = { pointer: string; message: string }

/** Thrown by handlers to answer with a problem document. */
export class ProblemError extends Error {
  readonly problem: ProblemName
  readonly faults: Fault[] | undefined
  readonly headers: Record<string, string>

  constructor(problem: ProblemName, detail: string, faults?: Fault[], headers: Record<string, string> = {}) {
    super(detail)
    this.problem = problem
    this.faults = faults
    this.headers = headers
  }
}

export function invalid(faults: Fault[]): ProblemError {
  const [first, ...others] = faults
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  return new ProblemError('validation', `${first?.pointer}: ${first?.message}${more}`, faults)
}

/** What routes do with input that does not fit their schema: a path that cannot exist is not found. */
export function rejectInvalid(result: { success: boolean; target: string; error?: z.ZodError }): void {
  if (result.success || !result.error) return
  const faults = issuesOf(result.error)
  if (result.target === 'param') throw new ProblemError('not-found', faults.map((fault) => fault.message).join('; '))
  if (result.target !== 'query') throw invalid(faults)
  throw invalid(faults.map(({ pointer, message }) => ({ pointer: `?${pointer.slice(1)}`, message })))
}

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
  const { message, stack } = error
  console.error(JSON.stringify({ level: 'error', request_id: c.var.requestId, method, path, message, stack }))
  return respond(c, new ProblemError('internal', 'something went wrong on our side; it is safe to try again'))
}

export const onNotFound = (c: Context<AppEnv>) =>
  respond(c, new ProblemError('not-found', `no such path: ${c.req.path}`))

function respond(c: Context<AppEnv>, { problem, message, faults, headers }: ProblemError): Response {
  const [status, title] = PROBLEMS[problem]
  const body: Problem = {
    type: `/problems/${problem}`,
    title,
    status,
    detail: message,
    ...(faults && { errors: faults }),
    ...(headers['retry-after'] && { retry_after: Number(headers['retry-after']) }),
    request_id: c.var.requestId,
  }
  return c.json(body, status, { 'content-type': 'application/problem+json', ...headers })
}
