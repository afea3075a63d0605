/** Which error an answer of the API stands for. */
import {
  ApiError,
  AuthenticationError,
  ConflictError,
  IdempotencyError,
  NotFoundError,
  PermissionError,
  QueueFullError,
  RateLimitError,
  ServerError,
  TokenExpiredError,
  TokenLimitError,
  ValidationError,
} from './errors.ts'
import type { Problem, ProblemName } from './types.ts'

const byProblem: Partial<Record<ProblemName, typeof ApiError>> = {
  'idempotency-mismatch': IdempotencyError,
  'queue-full': QueueFullError,
  'token-expired': TokenExpiredError,
  'token-limit': TokenLimitError,
}
const byStatus: Record<number, typeof ApiError> = {
  400: ValidationError,
  401: AuthenticationError,
  403: PermissionError,
  404: NotFoundError,
  409: ConflictError,
  413: ValidationError,
  415: ValidationError,
  422: ValidationError,
  429: RateLimitError,
}

/** The error that an answer stands for. Reads its body. */
export async function errorOf(response: Response): Promise<ApiError> {
  const { status, headers } = response
  const text = await response.text().catch(() => '')
  const said = problemIn(text)
  const request_id = said.request_id ?? headers.get('x-request-id') ?? undefined
  const retry_after = retryAfterOf(headers) ?? said.retry_after
  const problem = {
    ...said,
    ...(request_id !== undefined && { request_id }),
    ...(retry_after !== undefined && { retry_after }),
  }
  const named = new ApiError(status, problem)
  const Kind =
    (named.problem && byProblem[named.problem]) ?? byStatus[status] ?? (status >= 500 ? ServerError : ApiError)
  return Kind === ApiError ? named : new Kind(status, problem)
}

function problemIn(text: string): Partial<Problem> {
  try {
    const body: unknown = JSON.parse(text)
    return typeof body === 'object' && body !== null ? body : {}
  } catch {
    return {}
  }
}

/** Seconds of a `Retry-After`, which is a number or a date (RFC 9110, 10.2.3). */
function retryAfterOf(headers: Headers, now = Date.now()): number | undefined {
  const value = headers.get('retry-after')
  if (value === null) return undefined
  if (/^\d+$/.test(value.trim())) return Number(value)
  const at = Date.parse(value)
  return Number.isNaN(at) ? undefined : Math.max(0, (at - now) / 1000)
}
