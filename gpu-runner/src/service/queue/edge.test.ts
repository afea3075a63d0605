/** The client against a plain HTTP server, which answers what an edge in trouble would. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { RunnerEvent } from '../../../../contract/runner.ts'
import { connectEdge, EdgeRefused, type EdgeSettings, StaleLease } from './edge.ts'

const secret = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'
const claim = { id: 'ufawqhfynnddngldkgtslldrkq', lease_token: 'token-of-the-lease', lease_seconds: 10 }
const forever = new AbortController().signal
const receipt = { status: 'running', cancel: false, duplicate: false }

const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

test('an event is signed so that the library verifies it, and numbered within its lease', async (t) => {
  const events: RunnerEvent[] = []
  const lease = await edgeThat(t, async (request, response) => {
    const headers = request.headers as Record<string, string>
    events.push(RunnerEvent.parse(new Webhook(secret).verify(await text(request), headers)))
    response.end(JSON.stringify(receipt))
  })
  await lease.post({ type: 'story.started' }, forever)
  await lease.post(
    { type: 'story.failed', retryable: true, error: { code: 'runner_failed', message: 'lost' } },
    forever,
  )
  assert.deepEqual(
    events.map(({ type, data }) => [type, data.story_id, data.lease_token, data.sequence]),
    ['story.started', 'story.failed'].map((type, i) => [type, claim.id, claim.lease_token, i + 1]),
  )
})

test('5xx and dropped connections are tried again with full jitter, under the same id and a fresh signature', async (t) => {
  const seen: [id: unknown, timestamp: unknown][] = []
  const delays: number[] = []
  let seconds = 1_800_000_000
  const lease = await edgeThat(
    t,
    (request, response) => {
      seen.push([request.headers['webhook-id'], request.headers['webhook-timestamp']])
      if (seen.length === 1) return request.socket.destroy()
      if (seen.length < 9) return response.writeHead(503).end('<html>')
      response.end(JSON.stringify(receipt))
    },
    {
      random: () => 0.5,
      now: () => new Date(++seconds * 1000),
      sleep: async (milliseconds) => delays.push(milliseconds),
      newId: () => 'a',
    },
  )
  await lease.post({ type: 'story.started' }, forever)
  assert.deepEqual(delays, [125, 250, 500, 1000, 2000, 2500, 2500, 2500])
  assert.equal(new Set(seen.map(([id]) => id)).size, 1)
  assert.equal(new Set(seen.map(([, timestamp]) => timestamp)).size, seen.length)
})

test('a stale lease and other refusals are final, and repeat what the edge said', async (t) => {
  let calls = 0
  const lease = await edgeThat(t, (request, response) => {
    calls++
    const stale = request.url?.endsWith('/heartbeat')
    const problem = stale
      ? { type: '/problems/stale-lease', title: 'Stale lease', status: 409 }
      : { type: '/problems/too-large', title: 'Body too large', status: 413 }
    response.writeHead(problem.status).end(JSON.stringify({ ...problem, detail: 'as told', request_id: 'req_1' }))
  })
  await assert.rejects(
    lease.heartbeat(forever),
    (error) => error instanceof StaleLease && /as told/.test(error.message),
  )
  await assert.rejects(lease.putFrame(0, new Uint8Array(1), 7, forever), (error) => {
    assert.ok(error instanceof EdgeRefused)
    assert.equal(error.status, 413)
    assert.match(error.message, /frames\/0: 413 Body too large: as told/)
    return true
  })
  assert.equal(calls, 2)
})

test('the trace of a story goes along with every call about it', async (t) => {
  const seen: unknown[] = []
  const lease = await edgeThat(
    t,
    (request, response) => {
      seen.push(request.headers.traceparent)
      const heartbeat = { lease_until: new Date().toISOString(), lease_seconds: 30, cancel: false }
      response.end(JSON.stringify(request.url?.endsWith('/heartbeat') ? heartbeat : receipt))
    },
    {},
    traceparent,
  )
  await lease.heartbeat(forever)
  await lease.post({ type: 'story.started' }, forever)
  assert.deepEqual(seen, [traceparent, traceparent])
})

test('an abort ends a call that would go on trying', async (t) => {
  const abort = new AbortController()
  const lease = await edgeThat(t, (_, response) => response.writeHead(500).end(), {
    onRetry: ({ error }) => abort.abort(new Error(`stopped after ${error}`)),
  })
  await assert.rejects(lease.release('stopping', abort.signal), /stopped after 500|aborted/)
})

/** A lease held at an edge that answers every call by `handle`. */
async function edgeThat(
  t: TestContext,
  handle: (request: IncomingMessage, response: ServerResponse) => unknown,
  settings: Partial<EdgeSettings> = {},
  traceparent?: string,
) {
  const server = createServer((request, response) => void handle(request, response)).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return connectEdge({ url: `http://127.0.0.1:${port}`, token: 'runner', secret, ...settings }).lease({
    ...claim,
    traceparent,
  })
}
