/** Cog's HTTP wire (docs/http.md and coglet's routes.rs, v0.22): paths, modes, statuses and bodies. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { z } from 'zod'
import { PredictionEvent } from '../../../contract/prediction.ts'
import { openapiDocument } from './openapi.ts'
import type { Prediction, StreamEvent } from './prediction.ts'
import type { CogService, InputFault } from './service.ts'

/** Pictures come as data URIs in the input. */
const MAX_BODY_BYTES = 64 * 1024 * 1024
const KEEP_ALIVE_MS = 15_000

const PATHS = {
  docs_url: '/docs',
  openapi_url: '/openapi.json',
  shutdown_url: '/shutdown',
  healthcheck_url: '/health-check',
  predictions_url: '/predictions',
  predictions_idempotent_url: '/predictions/{prediction_id}',
  predictions_cancel_url: '/predictions/{prediction_id}/cancel',
}

const Body = z.object({
  id: z.string().min(1).max(200).nullish(),
  input: z.record(z.string(), z.unknown()).nullish(),
  webhook: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).nullish(),
  webhook_events_filter: z.array(PredictionEvent).nullish(),
  output_file_prefix: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).nullish(),
})
type Body = z.infer<typeof Body>

export interface HttpOptions {
  version: string
  /** `POST /shutdown`. */
  onShutdown: () => void
}

/** The server, not listening yet. */
export function cogServer(service: CogService, options: HttpOptions): Server {
  return createServer((request, response) => {
    handle(service, options, request, response).catch(() => {
      if (!response.headersSent) return json(response, 500, { error: 'something went wrong on our side' })
      response.end()
    })
  })
}

async function handle(
  service: CogService,
  { version, onShutdown }: HttpOptions,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(request.url ?? '/', 'http://localhost')
  const route = `${request.method} ${pathname}`
  const [, id, action] = /^\/predictions\/([^/]+)(\/cancel)?$/.exec(pathname) ?? []
  if (route === 'GET /') return json(response, 200, { cog_version: version, ...PATHS })
  if (route === 'GET /health-check')
    return json(response, 200, { status: service.health, setup: service.setup, version: { coglet: version } })
  if (route === 'GET /openapi.json') return json(response, 200, openapiDocument(version))
  if (route === 'POST /shutdown') {
    json(response, 200, {})
    return onShutdown()
  }
  if (route === 'POST /predictions') return predict(service, request, response)
  if (id !== undefined && action === undefined && request.method === 'PUT')
    return predict(service, request, response, decodeURIComponent(id))
  if (id !== undefined && action !== undefined && request.method === 'POST')
    return json(response, service.cancel(decodeURIComponent(id)) ? 200 : 404, {})
  json(response, 404, { detail: 'Not Found' })
}

async function predict(
  service: CogService,
  request: IncomingMessage,
  response: ServerResponse,
  pathId?: string,
): Promise<void> {
  const body = await readBody(request)
  if ('refusal' in body) return json(response, body.refusal, { detail: body.detail })
  const { id, input, webhook, webhook_events_filter: events, output_file_prefix: filePrefix } = body.value
  if (pathId !== undefined && id != null && id !== pathId)
    return json(response, 422, {
      detail: [detail(['body', 'id'], 'prediction ID must match the ID supplied in the URL')],
    })
  const mode = modeOf(request)
  const underWay = pathId === undefined ? undefined : service.find(pathId)
  if (underWay) return mode === 'sse' ? stream(underWay, response) : json(response, 202, underWay.state)
  const read = service.read(input ?? {})
  if ('faults' in read) return json(response, 422, { detail: read.faults.map(inputDetail) })
  const prediction = service.begin(
    {
      id: pathId ?? id ?? crypto.randomUUID(),
      input: input ?? {},
      webhook: webhook ?? undefined,
      events: events ?? PredictionEvent.options,
      filePrefix: filePrefix ?? undefined,
      trace: traceOf(request),
    },
    read.story,
  )
  if (prediction === 'busy')
    return json(response, 409, { error: 'At capacity - all prediction slots busy', status: 'failed' })
  if (prediction === 'not-ready') return json(response, 503, { error: 'Predictor not ready', status: 'failed' })
  if (mode === 'async') return json(response, 202, { id: prediction.state.id, status: 'starting' })
  if (mode === 'sse') return stream(prediction, response)
  // Whoever asked has gone: nobody is there to read the answer.
  response.on('close', () => response.writableEnded || prediction.cancel())
  await prediction.ended
  json(response, prediction.fault === 'input' ? 422 : 200, prediction.state)
}

type Mode = 'sync' | 'async' | 'sse'

function modeOf({ headers }: IncomingMessage): Mode {
  const accepts = (headers.accept ?? '').split(',').map((one) => one.trim().split(';')[0])
  if (accepts.includes('text/event-stream')) return 'sse'
  return headers.prefer === 'respond-async' ? 'async' : 'sync'
}

/** The events of a prediction, from its beginning; the prediction ends with its last listener. */
function stream(prediction: Prediction, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  const send = ({ event, data }: StreamEvent | { event: 'error'; data: object }) => {
    response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`)
    if (event === 'completed' || event === 'error') response.end()
  }
  const { past, dropped, stop } = prediction.listen(send)
  const keepAlive = setInterval(() => response.write(': keep-alive\n\n'), KEEP_ALIVE_MS)
  response.on('close', () => {
    clearInterval(keepAlive)
    if (stop() === 0 && !response.writableEnded) prediction.cancel()
  })
  const lost = { error: 'SSE stream replay truncated; events were dropped', skipped: dropped }
  if (dropped > 0) send({ event: 'error', data: lost })
  else for (const event of past) send(event)
}

function traceOf({ headers }: IncomingMessage): Record<string, string> {
  const names = ['traceparent', 'tracestate'].filter((name) => typeof headers[name] === 'string')
  return Object.fromEntries(names.map((name) => [name, String(headers[name])]))
}

const detail = (loc: PropertyKey[], msg: string) => ({ loc: loc.map(String), msg, type: 'value_error' })
const inputDetail = ({ path, message }: InputFault) => detail(['body', 'input', ...path], message)

async function readBody(request: IncomingMessage): Promise<{ value: Body } | { refusal: number; detail: unknown }> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    length += chunk.length
    if (length > MAX_BODY_BYTES) return { refusal: 413, detail: `the body is over ${MAX_BODY_BYTES} bytes` }
    chunks.push(chunk)
  }
  try {
    const parsed = Body.safeParse(length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString()))
    if (parsed.success) return { value: parsed.data }
    return { refusal: 422, detail: parsed.error.issues.map(({ path, message }) => detail(['body', ...path], message)) }
  } catch {
    return { refusal: 400, detail: 'the body is not JSON' }
  }
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
