import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes } from '../../test/d1.ts'
import { testReceiver } from '../../test/receiver.ts'
import { testEdge } from '../../test/worker.ts'
import { continueTrace } from './trace.ts'

const { key, call, claim, report } = await testEdge()
const receiver = await testReceiver(() => ({ status: 200 }))
const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'

test('a trace goes from the request that posted a story to its runner and its webhook', async () => {
  const headers = {
    authorization: `Bearer ${key}`,
    'content-type': 'application/json',
    traceparent: `00-${traceId}-00f067aa0ba902b7-01`,
  }
  const body = JSON.stringify({ frames: [{ prompt: 'one' }], webhook: `${receiver.url}/hook` })
  assert.equal((await call('POST', '/stories', { headers, body })).status, 202)
  const lease = (await claim())!
  assert.match(lease.traceparent ?? '', new RegExp(`^00-${traceId}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`))
  await report(lease, 1, 'story.failed', { error: { code: 'invalid_story', message: 'no' }, retryable: false })
  const [request] = await receiver.requests('/hook', 1)
  assert.equal(request?.headers.traceparent, lease.traceparent)
})

test('a header that is no traceparent begins a new trace', () => {
  const zero = '0'.repeat(32)
  const wrong = [
    undefined,
    '',
    'x'.repeat(5000),
    `00-${zero}-00f067aa0ba902b7-01`,
    `00-${traceId}-${zero.slice(16)}-01`,
    `ff-${traceId}-00f067aa0ba902b7-01`,
    `00-${traceId.toUpperCase()}-00f067aa0ba902b7-01`,
    `00-${traceId}-00f067aa0ba902b7-01-extra`,
  ]
  for (const header of wrong) {
    const begun = continueTrace(header, randomBytes)
    assert.match(begun, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
    assert.ok(!begun.includes(traceId))
  }
})
