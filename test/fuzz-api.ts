/**
 * `npm run fuzz:api -- --requests 20000 --seed 1`: spoilt requests on every route of both documents, against the Worker
 * in real workerd. Whatever is sent, the answer is never a 5xx and always comes; a refusal is a problem document;
 * and nothing of another API key is ever in it, or changed by it. Exits 1 with the requests that broke this; `--from <index> --requests 1`
 * sends one of them again.
 */
import { Webhook } from 'standardwebhooks'
import { Problem } from '../contract/problem.ts'
import { type Command, command } from '../gpu-runner/src/cli/command.ts'
import { startEdge } from '../local/edge.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { randomBytes } from './d1.ts'
import { steadyFetch } from './fuzz-fetch.ts'
import {
  type Document,
  type FuzzRequest,
  type Operation,
  operationsOf,
  randomFrom,
  requestFrom,
} from './fuzz-requests.ts'
import { MARK, makeWorld, type World } from './fuzz-world.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from './worker.ts'

/** No request asks for an answer to be held as long as this. */
const TIMEOUT_MS = 30_000
const AT_ONCE = 8
/** Requests after which what they have deleted or ended is made anew. */
const RENEW_EVERY = 100

export interface Violation {
  index: number
  what: string
  request: FuzzRequest
}

/** Its answer is held until pictures are drawn, and its errors have the form of OpenAI's. */
export const NOT_FUZZED = ['/v1/images/generations']

/** What is wrong with an answer; undefined when nothing is. `refused` bodies are problem documents. */
export function judge(status: number, type: string, body: string, method: string): string | undefined {
  if (body.includes(MARK)) return `tells what belongs to another key: ${body.slice(0, 200)}`
  if (status >= 500) return `is ${status}: ${body.slice(0, 200)}`
  if (status < 400 || method === 'HEAD') return undefined
  if (!type.startsWith('application/problem+json')) return `is ${status} and no problem document, but '${type}'`
  const problem = Problem.safeParse(parse(body))
  if (!problem.success) return `is ${status}, and its problem document is not one: ${body.slice(0, 200)}`
  return problem.data.status === status ? undefined : `is ${status}, and its document says ${problem.data.status}`
}

export async function fuzz({ requests, seed, from = 0 }: { requests: number; seed: number; from?: number }) {
  const limits = { RATE_LIMIT_CREATE: '1000000', RATE_LIMIT_READ: '1000000', RATE_LIMIT_UNAUTHENTICATED: '1000000' }
  const env = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, ...limits }
  const { key: apiKey } = await newApiKey('operator', { now: Date.now, randomBytes })
  const edge = await startEdge({ port: 0, dataDir: null, cron: false, env, apiKey, log: () => {} })
  const counts = new Map<string, Map<number | string, number>>()
  const violations: Violation[] = []
  try {
    const world = await makeWorld(edge.url, apiKey)
    const before = await world.othersThings()
    const documentAt = async (path: string) => (await (await steadyFetch(edge.url + path)).json()) as Document
    const documents = await Promise.all([documentAt('/openapi.json'), documentAt('/openapi-runner.json')])
    const operations = documents.flatMap(operationsOf).filter(({ path }) => !NOT_FUZZED.includes(path))
    for (let index = from; index < from + requests; index += RENEW_EVERY) {
      if (index > from) await world.renew()
      const end = Math.min(index + RENEW_EVERY, from + requests)
      let next = index
      const sender = async () => {
        while (next < end) await sendOne(world, operations, next++)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, sender))
      if ((await world.othersThings()) !== before) {
        const request = { method: 'any', path: `of ${index} to ${end - 1}`, headers: {} }
        violations.push({ index, what: 'changes what belongs to another key', request })
        break
      }
    }
  } finally {
    await edge.dispose()
  }
  return { counts, violations }

  async function sendOne({ known, fitting, confined }: World, operations: Operation[], at: number): Promise<void> {
    const random = randomFrom(seed * 1_000_003 + at)
    // In turn, so that none is left out.
    const operation = operations[at % operations.length]!
    const right = fitting(operation.path)
    const credentials = [...Array.from({ length: 5 }, () => right), ...known.credentials]
    const request = requestFrom(random, operation, { ...known, credentials })
    if (operation.path.startsWith('/admin/')) request.path = confined(request.path)
    if (operation.path === '/runner/webhooks' && random.next() < 0.9) sign(request, `evt_${seed}_${at}`)
    const { status, what } = await send(edge.url, request)
    const route = `${operation.method} ${operation.path}`
    const byStatus = counts.get(route) ?? new Map()
    counts.set(route, byStatus.set(status, (byStatus.get(status) ?? 0) + 1))
    if (what) violations.push({ index: at, what, request })
  }
}

/** As a runner would, so that what is in it is looked at. */
function sign({ headers, body }: FuzzRequest, id: string): void {
  const sent = new Date()
  if (typeof body !== 'string') return
  headers['webhook-id'] = id
  headers['webhook-timestamp'] = String(Math.floor(sent.getTime() / 1000))
  headers['webhook-signature'] = new Webhook(RUNNER_WEBHOOK_SECRET).sign(id, sent, body)
}

async function send(url: string, { method, path, headers, body }: FuzzRequest) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const init = { method, headers, signal, redirect: 'manual' as const, ...(body !== undefined && { body }) }
    const response = await steadyFetch(url + path, init)
    const type = response.headers.get('content-type') ?? ''
    const text = type.startsWith('text/event-stream') ? await firstChunk(response) : await response.text()
    return { status: response.status, what: judge(response.status, type, text, method) }
  } catch (error) {
    const reason = error instanceof Error ? `${error.message} ${error.cause ?? ''}` : String(error)
    return { status: 'none', what: `does not come: ${reason}` }
  }
}

/** Streams do not end by themselves. */
async function firstChunk({ body }: Response): Promise<string> {
  const reader = body?.getReader()
  const { value } = (await reader?.read()) ?? {}
  await reader?.cancel()
  return new TextDecoder().decode(value)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const cli: Command = command('fuzz:api', 'usage: npm run fuzz:api -- [--requests 20000] [--seed 1] [--from 0]')
  const { values } = cli.read({
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    from: { type: 'string', default: '0' },
  })
  const seed = cli.whole('seed', values.seed, 0)
  const [requests, from] = [cli.whole('requests', values.requests, 1), cli.whole('from', values.from, 0)]
  const { counts, violations } = await fuzz({ requests, seed, from })
  for (const [route, byStatus] of [...counts].sort()) {
    const cells = [...byStatus].sort().map(([status, count]) => `${status}: ${count}`)
    console.log(`${route.padEnd(60)} ${cells.join('  ')}`)
  }
  for (const { index, what, request } of violations.slice(0, 20)) {
    const { body, ...head } = request
    const shown = typeof body === 'string' ? body.slice(0, 2000) : body && `${body.length} bytes`
    console.error(`\nThe answer ${what}\n  ${JSON.stringify({ ...head, body: shown })}`)
    console.error(`  again: npm run fuzz:api -- --seed ${seed} --from ${index} --requests 1`)
  }
  console.log(`\n${values.requests} requests, ${violations.length} violations`)
  process.exitCode = violations.length > 0 ? 1 : 0
}
