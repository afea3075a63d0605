/** Everything that the SDK throws. Answers of the API are RFC 9457 problems, and each kind has a class of its own. */
import type { Problem, ProblemName, Story } from './types.ts'

export class FableframeError extends Error {
  override name = 'FableframeError'
}

/** No answer came: the network failed, or the connection broke. `cause` says why. */
export class ConnectionError extends FableframeError {
  override name = 'ConnectionError'
}

/** No answer came in time. */
export class TimeoutError extends ConnectionError {
  override name = 'TimeoutError'
}

/** The API refused, or failed. */
export class ApiError extends FableframeError {
  override name = 'ApiError'
  readonly status: number
  /** The name of the problem, such as `validation`; undefined where something other than the API answered. */
  readonly problem: ProblemName | undefined
  readonly title: string
  readonly detail: string
  /** What is wrong, each with a JSON pointer (RFC 6901) into the body, or `?name` of a query parameter. */
  readonly errors: readonly { readonly pointer: string; readonly message: string }[]
  /** Seconds after which to try again. */
  readonly retryAfter: number | undefined
  /** What a client token does not allow: `stories`, `frames`, another `story`, or what takes an API key (`scope`). */
  readonly limit: Problem['limit']
  /** To quote in a report. */
  readonly requestId: string | undefined

  constructor(status: number, problem: Partial<Problem>) {
    const { type, title = `HTTP ${status}`, detail = title, errors = [], request_id: requestId } = problem
    super(requestId === undefined ? detail : `${detail} (${requestId})`)
    this.status = status
    this.problem = /^\/problems\/([\w-]+)$/.exec(type ?? '')?.[1] as ProblemName | undefined
    this.title = title
    this.detail = detail
    this.errors = errors
    this.retryAfter = problem.retry_after
    this.limit = problem.limit
    this.requestId = requestId
  }
}

/** 401: the API key, token or link is wrong or no longer in force. */
export class AuthenticationError extends ApiError {
  override name = 'AuthenticationError'
}
/** 401: the client token has expired. */
export class TokenExpiredError extends AuthenticationError {
  override name = 'TokenExpiredError'
}
/** 403: the API key or token may not do this. */
export class PermissionError extends ApiError {
  override name = 'PermissionError'
}
/** 403: the client token is used up, or is not for this. */
export class TokenLimitError extends PermissionError {
  override name = 'TokenLimitError'
}
/** 404 */
export class NotFoundError extends ApiError {
  override name = 'NotFoundError'
}
/** 409: the story is in a state that does not allow it. */
export class ConflictError extends ApiError {
  override name = 'ConflictError'
}
/** 400, 413, 415, 422: something in the request is wrong; `errors` points at it. */
export class ValidationError extends ApiError {
  override name = 'ValidationError'
}
/** 422: another request was sent with this Idempotency-Key. */
export class IdempotencyError extends ValidationError {
  override name = 'IdempotencyError'
}
/** 429: too many requests; `retryAfter` says when to go on. */
export class RateLimitError extends ApiError {
  override name = 'RateLimitError'
}
/** 429: as many stories wait as may. */
export class QueueFullError extends RateLimitError {
  override name = 'QueueFullError'
}
/** 5xx */
export class ServerError extends ApiError {
  override name = 'ServerError'
}

/** A story that was waited for failed, was canceled or expired. Frames that were finished are in `story`. */
export class StoryEndedError extends FableframeError {
  override name = 'StoryEndedError'
  readonly story: Story

  constructor(story: Story) {
    const why = story.error ? `: ${story.error.message} (${story.error.code})` : ''
    super(`story ${story.id} ended as ${story.status}${why}`)
    this.story = story
  }
}

/** A message that is not proven to be a genuine and fresh webhook. */
export class WebhookVerificationError extends FableframeError {
  override name = 'WebhookVerificationError'
}
