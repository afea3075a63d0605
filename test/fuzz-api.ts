/**
 * `npm run fuzz:api -- --requests 20000 --seed 1`: spoilt requests on every route of `/openapi.json`, against the Worker
 * in real workerd. Whatever is sent, the answer is never a 5xx and always comes; a refusal is a problem document; and
 * nothing of another API key is ever in it. Exits 1 with the requests that broke this; `--from <index> --requests 1`
 * sends one of them again.
 */
import { parseArgs } from 'node:util'
import { SavedCharacter } from '../contract/character.ts'
import { Problem } from '../contract/problem.ts'
import { Story } from '../contract/story.ts'
import { startEdge } from '../local/edge.ts'
import { type KeyOptions, newApiKey } from '../src/api/keys.ts'
import { insertApiKey } from '../src/db/api-keys.ts'
import { openDb } from '../src/db/client.ts'
import { randomBytes } from './d1.ts'
import { type Document, type FuzzRequest, operationsOf, randomFrom, requestFrom } from './fuzz-requests.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from './worker.ts'

/** In everything that the other API key owns, and in nothing that is sent. */
const MARK = 'belongs to somebody else'
/** No request asks for an answer to be held as long as this. */
const TIMEOUT_MS = 30_000
const AT_ONCE = 8

export interface Violation {
  index: number
  what: string
  request: FuzzRequest
}

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
  const limits = { RATE_LIMIT_CREATE: '1000000', RATE_LIMIT_UNAUTHENTICATED: '1000000' }
  const env = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, ...limits }
  const edge = await startEdge({ port: 0, dataDir: null, cron: false, env, log: () => {} })
  const counts = new Map<string, Map<number | string, number>>()
  const violations: Violation[] = []
  try {
    const db = openDb(edge.bindings.DB)
    const keyOf = async (name: string, options?: KeyOptions) => {
      const { key, row } = await newApiKey(name, { now: Date.now, randomBytes }, options)
      await insertApiKey(db, row)
      return `Bearer ${key}`
    }
    const own = await keyOf('own')
    const admin = await keyOf('admin', { scopes: ['admin'] })
    const mine = await post(edge.url, own, 'mine')
    const other = await keyOf('other')
    const theirs = await post(edge.url, other, MARK)
    // Over, so that no runner is told of it, which it may be.
    await fetch(`${edge.url}/stories/${theirs}/cancel`, { method: 'POST', headers: { authorization: other } })
    const characters = await Promise.all([keep(edge.url, own, 'mine'), keep(edge.url, other, MARK)])
    const ids = [mine, mine, theirs, ...characters]
    const runner = `Bearer ${RUNNER_TOKEN}`
    const operations = operationsOf((await (await fetch(`${edge.url}/openapi.json`)).json()) as Document)
    let index = from
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        while (index < from + requests) {
          const at = index++
          const { request, route } = requestAt(at)
          const { status, what } = await send(edge.url, request)
          const byStatus = counts.get(route) ?? new Map()
          counts.set(route, byStatus.set(status, (byStatus.get(status) ?? 0) + 1))
          if (what) violations.push({ index: at, what, request })
        }
      }),
    )

    function requestAt(at: number) {
      const random = randomFrom(seed * 1_000_003 + at)
      const operation = random.pick(operations)
      const fitting = operation.path.startsWith('/runner') ? runner : operation.path.startsWith('/keys') ? admin : own
      const credentials = [fitting, fitting, fitting, fitting, fitting, own, admin, runner]
      const request = requestFrom(random, [operation], { ids, credentials })
      return { request, route: `${operation.method} ${operation.path}` }
    }
  } finally {
    await edge.dispose()
  }
  return { counts, violations }
}

async function send(url: string, { method, path, headers, body }: FuzzRequest) {
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const init = { method, headers, signal, redirect: 'manual' as const, ...(body !== undefined && { body }) }
    const response = await fetch(url + path, init)
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

async function post(url: string, authorization: string, text: string): Promise<string> {
  const story = { title: text, frames: [{ prompt: text }], metadata: { text }, webhook: 'https://app.example/' }
  const headers = { authorization, 'content-type': 'application/json' }
  const posted = await fetch(`${url}/stories`, { method: 'POST', headers, body: JSON.stringify(story) })
  return Story.parse(await posted.json()).id
}

async function keep(url: string, authorization: string, text: string): Promise<string> {
  const headers = { authorization, 'content-type': 'application/json' }
  const body = JSON.stringify({ name: text, description: text })
  return SavedCharacter.parse(await (await fetch(`${url}/characters`, { method: 'POST', headers, body })).json()).id
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

if (import.meta.main) {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '20000' },
      seed: { type: 'string', default: '1' },
      from: { type: 'string', default: '0' },
    },
  })
  const seed = Number(values.seed)
  const { counts, violations } = await fuzz({ requests: Number(values.requests), seed, from: Number(values.from) })
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
