/** Edge and runners are not deployed at the same moment: this runner at an edge of protocol 1, and at a later one. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoryRequest } from '../../../../contract/story.ts'
import { drawingAbilities } from '../../../../test/drawing-model.ts'
import type { StoryGenerator } from './attempt.ts'
import { serve } from './client.ts'
import { connectEdge } from './edge.ts'

const secret = `whsec_${btoa('the secret of the runners in tests')}`
const later = { ...StoryRequest.parse({ frames: [{ prompt: 'one' }] }), weather: 'rain' }
const claimed = (story: object, id = 'a'.repeat(26)) => ({
  ...{ id, story, seed: 1, model: 'm', attempt: 1, lease_token: 'b'.repeat(32) },
  ...{ lease_until: new Date(Date.now() + 30_000).toISOString(), lease_seconds: 30, finished_frames: [], mood: 'good' },
})

interface Call {
  path: string
  body: Record<string, unknown>
}

/** An edge that answers by `answer`; 404 where that is undefined. The runner is stopped once `until` holds of the calls. */
async function served(
  t: TestContext,
  answer: (call: Call) => [number, unknown] | undefined,
  until: (calls: Call[]) => boolean,
) {
  const calls: Call[] = []
  const stop = new AbortController()
  const server = createServer(async (request, response) => {
    const text = Buffer.concat(await Array.fromAsync(request)).toString()
    const call = { path: request.url!, body: text.startsWith('{') ? JSON.parse(text) : {} }
    calls.push(call)
    const [status, body] = answer(call) ?? [
      404,
      { type: '/problems/not-found', title: 'x', status: 404, detail: 'x', request_id: 'x' },
    ]
    if (until(calls)) stop.abort()
    response
      .writeHead(status, { 'content-type': 'application/json' })
      .end(body === undefined ? '' : JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const edge = connectEdge({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'runner',
    secret,
  })
  const logged: string[] = []
  const file = new Uint8Array(1)
  const generator = {
    open: async () => ({ name: 'm', abilities: drawingAbilities }),
    generate: async function* (): ReturnType<StoryGenerator['generate']> {
      await sleep(1)
      yield { type: 'frame', index: 0, png: new Uint8Array(1), seed: 1 } as const
    },
    pages: async () => ({ storyboard: file, storyboardWebp: file, bookPdf: file }),
  }
  await serve(edge, generator, { signal: stop.signal, log: (event) => logged.push(event), runner: 'r', wait: 0 })
  return { calls, logged }
}

test('an edge of before protocols had numbers refuses the field: the runner leaves it out from then on', async (t) => {
  const refusal = {
    type: '/problems/validation',
    title: 'x',
    status: 422,
    detail: '/protocol: unknown field',
    request_id: 'x',
  }
  const { calls, logged } = await served(
    t,
    ({ path, body }) => (path !== '/runner/claim' ? undefined : 'protocol' in body ? [422, refusal] : [204, undefined]),
    (calls) => calls.filter(({ path }) => path === '/runner/claim').length === 3,
  )
  const claims = calls.filter(({ path }) => path === '/runner/claim')
  assert.deepEqual(
    claims.map(({ body }) => 'protocol' in body),
    [true, false, false],
  )
  assert.ok(logged.includes('edge.older'))
})

test('a story that it cannot read is handed back, and the next one is served', async (t) => {
  const { weather: _, ...plain } = later
  const stories = [claimed(later), claimed(plain, 'c'.repeat(26))]
  const { calls, logged } = await served(
    t,
    ({ path }) => {
      if (path === '/runner/announce') return [200, { protocol: 9, set_aside_until: null, weather: 'fair' }]
      if (path === '/runner/claim') {
        const next = stories.shift()
        return next ? [200, { claims: [next], news: [] }] : [204, undefined]
      }
      if (path.endsWith('/release')) return [200, { status: 'queued' }]
      if (path === '/runner/webhooks')
        return [200, { status: 'running', cancel: false, duplicate: false, weather: 'fair' }]
      return [200, { sha256: 'x', width: 1, height: 1 }]
    },
    (calls) => calls.filter(({ path }) => path === '/runner/claim').length === 3,
  )
  const released = calls.filter(({ path }) => path.endsWith('/release'))
  assert.deepEqual(
    released.map(({ path, body }) => [path.split('/')[3], body]),
    [['a'.repeat(26), { reason: 'unreadable' }]],
  )
  assert.ok(logged.includes('story.unreadable'))
  assert.ok(calls.some(({ body }) => body.type === 'story.completed'))
  assert.ok(calls.some(({ path }) => path === '/runner/goodbye'))
})
