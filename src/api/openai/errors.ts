/** Problems as OpenAI's clients read errors: they look for `error` in the body, and go by the status. */
import type { Context } from 'hono'
import { createMiddleware } from 'hono/factory'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { OpenAiError } from '../../../contract/openai.ts'
import type { AppEnv, Refusal } from '../http/app-env.ts'

/** For routes whose errors are to be of this form. */
export const openAiErrors = createMiddleware<AppEnv>(async (c, next) => {
  c.set('respond', (refusal, status) => respondAsOpenAi(c, refusal, status))
  await next()
})

function respondAsOpenAi(
  c: Context<AppEnv>,
  { problem, message, faults, headers }: Refusal,
  status: ContentfulStatusCode,
) {
  const param = faults?.[0] ? paramOf(faults[0].pointer) : null
  // Theirs is 400 where ours is 422.
  const answered = status === 422 ? 400 : status
  const type = answered >= 500 ? 'server_error' : answered === 429 ? 'rate_limit_error' : 'invalid_request_error'
  const code = CODES[problem] ?? problem.replaceAll('-', '_')
  const detail = faults?.[0] ? `${param === null ? '' : `${param}: `}${faults[0].message}` : message
  const body: OpenAiError = { error: { message: detail, type, param, code } }
  return c.json(body, answered, headers)
}

/** What their clients know by another name. */
const CODES: Partial<Record<Refusal['problem'], string>> = {
  unauthorized: 'invalid_api_key',
  'rate-limited': 'rate_limit_exceeded',
  validation: 'invalid_value',
}

/** The field of the request that a pointer into the story is about. */
function paramOf(pointer: string): string | null {
  const [, field = '', ...rest] = pointer.split('/')
  if (field === 'frames') return 'prompt'
  if (field === 'width' || field === 'height') return 'size'
  return [field, ...rest].join('.') || null
}
