/** JSON-RPC 2.0 over lines of text, as the stdio transport of the Model Context Protocol has it. */

export interface Call {
  method: string
  params: Record<string, unknown>
  /** Aborted when the other side takes the call back. */
  signal: AbortSignal
  /** Sends a notification. */
  notify(method: string, params: object): void
}

/** A call that is refused; the other side gets the message. */
export class RpcError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

export const METHOD_NOT_FOUND = -32601
export const INVALID_PARAMS = -32602
const PARSE_ERROR = -32700
const INVALID_REQUEST = -32600
const INTERNAL_ERROR = -32603

type Id = string | number

/**
 * Answers the calls that come as `lines`, each as soon as it is done; resolves once there are no more lines, when calls that
 * go on have been aborted.
 */
export async function serveLines(
  lines: AsyncIterable<string>,
  write: (line: string) => void,
  answer: (call: Call) => Promise<object>,
): Promise<void> {
  const send = (message: object) => write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
  const running = new Map<Id, AbortController>()
  for await (const line of lines) {
    if (line.trim() === '') continue
    const message = parsed(line)
    if (message === undefined) send({ id: null, error: { code: PARSE_ERROR, message: 'not JSON' } })
    else take(message)
  }
  for (const call of running.values()) call.abort(new Error('the client has gone'))

  function take(message: unknown): void {
    const { jsonrpc, id, method, params = {} } = isObject(message) ? message : {}
    // An answer to a call of ours: there are none.
    if (jsonrpc === '2.0' && method === undefined && id !== undefined) return
    if (jsonrpc !== '2.0' || typeof method !== 'string' || !isObject(params)) {
      send({ id: isId(id) ? id : null, error: { code: INVALID_REQUEST, message: 'no JSON-RPC 2.0 request' } })
      return
    }
    if (isId(id)) void run(id, method, params)
    else if (method === 'notifications/cancelled' && isId(params.requestId))
      running.get(params.requestId)?.abort(new Error('the client has canceled the call'))
  }

  async function run(id: Id, method: string, params: Record<string, unknown>): Promise<void> {
    const stop = new AbortController()
    running.set(id, stop)
    const notify = (method: string, params: object) => send({ method, params })
    try {
      const result = await answer({ method, params, signal: stop.signal, notify })
      if (!stop.signal.aborted) send({ id, result })
    } catch (error) {
      if (stop.signal.aborted) return
      const code = error instanceof RpcError ? error.code : INTERNAL_ERROR
      send({ id, error: { code, message: error instanceof Error ? error.message : String(error) } })
    } finally {
      running.delete(id)
    }
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isId = (value: unknown): value is Id => typeof value === 'string' || typeof value === 'number'

function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
