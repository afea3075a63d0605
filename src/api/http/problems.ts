/** Every answer that is not a success: an RFC 9457 problem document. */
import type { Context } from 'hono'
import type { z } from 'zod'
import { issuesOf, PROBLEMS, type Problem, type ProblemName, type TokenLimit } from '../../../contract/problem.ts'
import type { AppEnv } from './app-env.ts'

/** What is wrong, and where: a JSON pointer (RFC 6901). */
export type Fault = { pointer: string; message: string }

/** Faults that one answer names. */
const MAX_FAULTS = 50
/** Characters of what an answer repeats of a request. */
const MAX_TEXT = 300

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

/** A request beyond what a client token is good for. */
export class TokenLimitError extends ProblemError {
  readonly limit: TokenLimit

  constructor(limit: TokenLimit, detail: string) {
    super('token-limit', detail)
    this.limit = limit
  }
}

export function invalid(faults: Fault[]): ProblemError {
  const [first, ...others] = faults
  const more = others.length > 0 ? ` (and ${others.length} more)` : ''
  const detail = `${cut(first?.pointer || 'the body')}: ${cut(first?.message ?? '')}${more}`
  const named = faults.slice(0, MAX_FAULTS)
  return new ProblemError(
    'validation',
    detail,
    named.map(({ pointer, message }) => ({ pointer: cut(pointer), message: cut(message) })),
  )
}

/** What an answer repeats of a request. */
export const cut = (text: string) => (text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text)

/** What routes do with input that does not fit their schema: a path that cannot exist is not found. */
export function rejectInvalid(result: { success: boolean; target: string; error?: z.ZodError }): void {
  if (result.success || !result.error) return
  const faults = issuesOf(result.error)
  if (result.target === 'param') throw new ProblemError('not-found', faults.map((fault) => fault.message).join('; '))
  if (result.target !== 'query') throw invalid(faults)
  throw invalid(faults.map(({ pointer, message }) => ({ pointer: `?${pointer.slice(1)}`, message })))
}

/** The answer to a problem. */
export function respond(c: Context<AppEnv>, error: ProblemError): Response {
  const { problem, message, faults, headers } = error
  const [status, title] = PROBLEMS[problem]
  if (c.var.respond) return c.var.respond(error, status)
  const body: Problem = {
    type: `/problems/${problem}`,
    title,
    status,
    detail: message,
    ...(faults && { errors: faults }),
    ...(headers['retry-after'] && { retry_after: Number(headers['retry-after']) }),
    ...(error instanceof TokenLimitError && { limit: error.limit }),
    request_id: c.var.requestId,
  }
  return c.json(body, status, { 'content-type': 'application/problem+json', ...headers })
}
