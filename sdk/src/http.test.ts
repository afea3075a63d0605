/** Retries, timeouts and idempotency, against the edge behind a network that fails. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testReceiver } from '../../test/receiver.ts'
import { testEdge } from '../../test/worker.ts'
import { Http, type HttpOptions } from './http.ts'
import { Fableframe, QueueFullError, RateLimitError, ServerError, TimeoutError } from './index.ts'

const edge = await testEdge()
const { url: baseUrl, key: apiKey, bindings } = edge
const frames = [{ prompt: 'a fox wakes up' }]
const stories = async () => (await bindings.DB.prepare('SELECT count(*) AS n FROM stories').first<{ n: number }>())?.n

test('when the answer to a create is lost, it is sent again and makes one story', async () => {
  const keys: (string | null)[] = []
  const lossy: typeof fetch = async (input, init) => {
    keys.push(new Headers(init?.headers).get('idempotency-key'))
    const answer = await fetch(input, init)
    if (keys.length < 3) throw new TypeError('fetch failed', { cause: new Error('read ECONNRESET') })
    return answer
  }
  const { id } = await new Fableframe({ apiKey, baseUrl, fetch: lossy }).stories.create({ frames })
  assert.equal(await stories(), 1)
  assert.match(keys[0] ?? '', /^[0-9a-f]{32}$/)
  assert.deepEqual(keys, [keys[0], keys[0], keys[0]])

  keys.length = 0
  const impatient = new Fableframe({ apiKey, baseUrl, fetch: lossy, maxRetries: 1 })
  await assert.rejects(impatient.stories.get(id), {
    name: 'ConnectionError',
    message: /^GET http:\S+: fetch failed: read ECONNRESET$/,
  })
  assert.equal(keys.length, 2)
})

/** An API that answers as `answers` say, one after the other. */
async function replaying(...answers: { status: number; headers?: Record<string, string>; body?: string }[]) {
  const { url, received } = await testReceiver((_, n) => answers[n])
  const options: HttpOptions = { baseUrl: `${url}/`, fetch, timeout: 60_000, maxRetries: 2, random: () => 0 }
  return { http: new Http(options), received }
}
const problem = (name: string, status: number, more: object = {}) => ({
  status,
  headers: { 'content-type': 'application/problem+json', 'retry-after': '0' },
  body: JSON.stringify({ type: `/problems/${name}`, title: name, status, detail: name, request_id: 'req_1', ...more }),
})

test('what may pass is tried again, as soon as Retry-After allows; what stays wrong is not', async () => {
  const passing = await replaying(problem('unavailable', 503), problem('rate-limited', 429), {
    status: 200,
    body: '{"a":1}',
  })
  assert.deepEqual(await passing.http.json('GET', 'x'), { a: 1 })
  assert.equal(passing.received.length, 3)

  const failing = await replaying(problem('internal', 500), problem('internal', 500), problem('internal', 500))
  await assert.rejects(failing.http.json('GET', 'x'), ServerError)
  assert.equal(failing.received.length, 3)

  const wrong = await replaying(problem('validation', 422))
  await assert.rejects(wrong.http.json('POST', 'x', { body: {} }), { name: 'ValidationError' })
  assert.equal(wrong.received.length, 1)
})

test('a pause that is too long is left to the caller', async () => {
  const busy = { ...problem('queue-full', 429), headers: { 'retry-after': '3600' } }
  const { http, received } = await replaying(busy)
  await assert.rejects(http.json('POST', 'x'), (error) => {
    assert.ok(error instanceof QueueFullError && error instanceof RateLimitError)
    assert.equal(error.retryAfter, 3600)
    return true
  })
  assert.equal(received.length, 1)
  const dated = await replaying({
    status: 429,
    headers: { 'retry-after': new Date(Date.now() + 7200_000).toUTCString() },
  })
  await assert.rejects(dated.http.json('GET', 'x'), ({ retryAfter }: RateLimitError) => retryAfter! > 7000)
})

test('an answer that is no problem document is still an error of its kind', async () => {
  const { http } = await replaying({ status: 404, body: '<h1>nginx</h1>', headers: { 'x-request-id': 'from-a-proxy' } })
  await assert.rejects(http.json('GET', 'x'), {
    name: 'NotFoundError',
    message: 'HTTP 404 (from-a-proxy)',
    problem: undefined,
    errors: [],
  })
})

test('no answer within the timeout, or a signal that is aborted, ends the request', async () => {
  const { http, received } = await replaying()
  await assert.rejects(http.json('GET', 'x', { timeout: 20, maxRetries: 1 }), TimeoutError)
  assert.equal(received.length, 2)
  await assert.rejects(http.json('GET', 'x', { signal: AbortSignal.abort(new Error('gone')) }), { message: 'gone' })
  const stop = new AbortController()
  const asked = http.json('GET', 'x', { signal: stop.signal })
  stop.abort(new Error('changed my mind'))
  await assert.rejects(asked, { message: 'changed my mind' })
})

test('a signal also ends the pause before another attempt', async () => {
  const { http } = await replaying({ ...problem('unavailable', 503), headers: { 'retry-after': '50' } })
  const stop = new AbortController()
  const asked = http.json('GET', 'x', { signal: stop.signal })
  setTimeout(() => stop.abort(new Error('enough')), 50)
  await assert.rejects(asked, { message: 'enough' })
})

test('the key is sent to the API alone, and not along with a link that proves itself', async () => {
  const seen: (string | null)[] = []
  const watching: typeof fetch = async (_, init) => {
    seen.push(new Headers(init?.headers).get('authorization'))
    return new Response('png')
  }
  const http = new Http({
    baseUrl: 'https://a.example/',
    bearer: 'secret',
    fetch: watching,
    timeout: 1000,
    maxRetries: 0,
  })
  for (const path of ['stories', 'https://a.example/x?exp=1&sig=2', 'https://b.example/stories']) await http.blob(path)
  assert.deepEqual(seen, ['Bearer secret', null, null])
})
