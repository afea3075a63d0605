/** Edge and runners are not deployed at the same moment: a runner of protocol 1 at this edge. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eq } from 'drizzle-orm'
import { z } from 'zod'
import { plainPng } from '../../../test/png.ts'
import { RUNNER_TOKEN, testEdge } from '../../../test/worker.ts'
import { openDb } from '../../db/client.ts'
import { stories } from '../../db/schema/stories.ts'

const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../../test/golden/protocol-1/wire.json'), 'utf8'),
)
/** What that runner reads: it refuses a story with a field that it does not know. */
const reads = Object.fromEntries(
  Object.entries<Parameters<typeof z.fromJSONSchema>[0]>(recorded.reads).map(([name, schema]) => [
    name,
    z.fromJSONSchema(schema),
  ]),
)
const { call, app, post, report, held, bindings } = await testEdge()
const headers = { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' }
const everything = {
  title: 'All of it',
  style: 'ink',
  characters: [{ id: 'fox', name: 'Fern', description: 'a fox' }],
  frames: [{ prompt: 'Fern waves', characters: ['fox'], seed: 4 }],
  negative_prompt: 'rain',
  guidance_interval: [0, 0.5] as [number, number],
  consistency: { synchronizer: 0.5, min_score: 0.2 },
  deadline: { start_within: 100, run_within: null },
}

test('it claims a story that says all that could be said then, and finishes it', async () => {
  const { id } = await post(everything)
  const { status, body } = await call('POST', '/runner/claim', { headers, body: JSON.stringify(recorded.sends.claim) })
  assert.equal(status, 200)
  const { claims } = reads.Claims!.parse(body) as { claims: { id: string; lease_token: string }[] }
  const lease = claims[0]!
  assert.equal(lease.id, id)
  reads.EventReceipt!.parse((await report(lease, 1, 'story.started')).body)
  reads.Heartbeat!.parse((await held(lease, 'POST', 'heartbeat')).body)
  await held(lease, 'PUT', 'frames/0', await plainPng(0))
  assert.equal((await report(lease, 2, 'story.completed')).body.status, 'succeeded')
})

test('it gives a story back without a body', async () => {
  await post(everything)
  const { body } = await call<{ claims: { id: string; lease_token: string }[] }>('POST', '/runner/claim', {
    headers,
    body: JSON.stringify(recorded.sends.claim),
  })
  const lease = body.claims[0]!
  const typed = { ...headers, 'x-lease-token': lease.lease_token }
  const released = await call('POST', `/runner/stories/${lease.id}/release`, { headers: typed, body: '' })
  assert.deepEqual([released.status, reads.Released!.parse(released.body)], [200, { status: 'queued' }])
  await app('POST', `/stories/${lease.id}/cancel`)
})

test('it gets no story that needs more than it knows, and a later field in its requests is no fault', async () => {
  const { id } = await post(everything)
  await openDb(bindings.DB).update(stories).set({ protocol: 2 }).where(eq(stories.id, id))
  const claim = (about: object) => call('POST', '/runner/claim', { headers, body: JSON.stringify(about) })
  assert.equal((await claim(recorded.sends.claim)).status, 204)
  assert.equal((await claim({ ...recorded.sends.claim, protocol: 9, mood: 'good' })).status, 200)
})
