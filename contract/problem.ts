/** Errors on the wire: RFC 9457 problem documents. `type` is `/problems/<name>`, a path that the edge itself answers. */
import { z } from 'zod'

/** name: [status, title, what it means and what to do]. */
export const PROBLEMS = {
  'malformed-json': [400, 'Malformed JSON', 'The body could not be read as JSON.'],
  'bad-signature': [400, 'Bad signature', 'The webhook headers do not prove that the body comes from a runner.'],
  unauthorized: [401, 'Unauthorized', 'Send the header "Authorization: Bearer <API key>" with a key that is in force.'],
  'token-expired': [401, 'Client token expired', 'The client token is over. Ask your server for another one.'],
  forbidden: [403, 'Forbidden', 'The API key lacks the scope that this request needs. Use a key that has it.'],
  'origin-not-allowed': [
    403,
    'Origin not allowed',
    'The page belongs to a site that the API key or client token does not admit. Add its origin to those of the key.',
  ],
  'token-limit': [
    403,
    'Client token limit',
    'The client token has reached a limit, or never covered this; `limit` says which. Ask your server for another one.',
  ],
  'not-found': [404, 'Not found', 'Nothing is there, or it belongs to another API key.'],
  'method-not-allowed': [405, 'Method not allowed', 'The header "Allow" lists the methods of this path.'],
  'stale-lease': [409, 'Stale lease', 'The story is no longer claimed under this token. Drop the work on it.'],
  'frames-missing': [409, 'Frames missing', 'A story completes only when every frame has been uploaded.'],
  'not-resumable': [409, 'Not resumable', 'Only a story that failed, was canceled or has expired can be resumed.'],
  'not-ended': [409, 'Not ended', 'The story is queued or running. Wait for its end, or cancel it, and ask again.'],
  'no-bank': [
    409,
    'No character bank',
    'The story has no character bank: it ended before its frames were sampled, or was erased.',
  ],
  'no-book': [
    409,
    'No book',
    'A book needs all frames of a story. Resume a story that ended without them; redraw a frame of one that has no book.',
  ],
  'body-timeout': [408, 'Request timeout', 'The body did not come in time. Send the request again.'],
  'storage-full': [
    413,
    'Storage full',
    'The API key stores as many bytes of files and reference pictures as it may. Delete some, and try again.',
  ],
  'answer-gone': [
    409,
    'Answer gone',
    'The key that was answered before has been replaced since. Send the request with a new Idempotency-Key.',
  ],
  'too-large': [413, 'Body too large', 'The body is over the limit of this path.'],
  'unsupported-media-type': [415, 'Unsupported media type', 'Send the body with "Content-Type: application/json".'],
  'range-not-satisfiable': [416, 'Range not satisfiable', 'The header "Content-Range" says how long it is.'],
  'idempotency-mismatch': [
    422,
    'Idempotency-Key used before',
    'Another request was sent with this Idempotency-Key in the last 24 hours. Send each new request with a new key.',
  ],
  validation: [422, 'Invalid input', 'Each entry of "errors" points at a value and says what would be right.'],
  'rate-limited': [429, 'Too Many Requests', 'Wait for as many seconds as "Retry-After" and "retry_after" say.'],
  'queue-full': [
    429,
    'Queue full',
    'The API key has as many stories waiting as it may have. Try again when some have started.',
  ],
  'set-aside': [
    429,
    'Runner set aside',
    'Stories of several API keys in a row went wrong on this runner. It may claim again when "Retry-After" is over.',
  ],
  internal: [500, 'Internal error', 'The fault is on our side. Quote request_id when reporting it.'],
  misconfigured: [
    503,
    'Misconfigured',
    'A setting of the edge is missing or malformed. Its operator has to correct it.',
  ],
  unavailable: [
    503,
    'Unavailable',
    'The edge cannot reach what it needs, or is overloaded. Try again after as many seconds as "Retry-After" says.',
  ],
} as const satisfies Record<string, readonly [number, string, string]>
export type ProblemName = keyof typeof PROBLEMS

/** `scope`: what a client token cannot do at all. `story`: it follows another one. */
export const TokenLimit = z.enum(['stories', 'frames', 'story', 'scope'])
export type TokenLimit = z.infer<typeof TokenLimit>

export const Problem = z
  .object({
    type: z.string().describe('For programs; a path that explains it').meta({ example: '/problems/validation' }),
    title: z.string().describe('The same for all of its type'),
    status: z.int().describe('Of the answer'),
    detail: z.string().describe('What was wrong this time, for people'),
    errors: z
      .array(
        z.object({
          pointer: z.string().describe('JSON pointer (RFC 6901) into the body, or ?name'),
          message: z.string().describe('What would be right'),
        }),
      )
      .optional()
      .describe('At most 50; `detail` says how many more there are'),
    retry_after: z.int().optional().describe('Seconds after which to try again, as in the header Retry-After'),
    limit: TokenLimit.optional().describe('Of a client token: the limit that the request is beyond'),
    request_id: z.string().describe('To be quoted when it is reported'),
  })
  .meta({
    id: 'Problem',
    example: {
      type: '/problems/validation',
      title: 'Invalid input',
      status: 422,
      detail: '/frames/0/prompt: required',
      errors: [{ pointer: '/frames/0/prompt', message: 'required' }],
      request_id: 'req_mfrggzdfmztwq2lk',
    },
  })
export type Problem = z.infer<typeof Problem>

/** RFC 6901 pointer of a zod issue's path. */
export const pointer = (path: readonly PropertyKey[]) =>
  path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')

/**
 * One entry per wrong value. An unknown field is pointed at itself, not at the object it stands in; the branch of a
 * union is not: what would be right is in the union's own message.
 */
export const issuesOf = (error: Pick<z.ZodError, 'issues'>): { pointer: string; message: string }[] =>
  faultsOf(error).map(({ path, message }) => ({ pointer: pointer(path), message }))

/** The same with paths, for those who look at a part of a body. */
export function faultsOf({ issues }: Pick<z.ZodError, 'issues'>): { path: PropertyKey[]; message: string }[] {
  return issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key], message: 'unknown field' }))
      : [{ path: issue.path, message: wordsOf(issue.message) }],
  )
}

const TYPES: Record<string, string> = { array: 'a list', int: 'a whole number', object: 'an object', null: 'null' }

/** zod's own words for a value of the wrong type, as people say it. */
function wordsOf(message: string): string {
  const [, expected, received] = /^Invalid input: expected (\w+), received (\w+)$/.exec(message) ?? []
  if (!expected || !received) return message
  const [wanted, found] = [expected, received].map((type) => TYPES[type] ?? `a ${type}`)
  if (received === 'undefined') return 'required'
  return received === 'NaN' || expected === 'int' ? `expected ${wanted}` : `expected ${wanted}, not ${found}`
}
