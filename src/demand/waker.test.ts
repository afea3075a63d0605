/** An edge that starts its runners, in workerd; those who start them are a server of the test. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { DemandWebhook } from '../../contract/demand.ts'
import type { Problem } from '../../contract/problem.ts'
import { drawingAbilities } from '../../test/drawing-model.ts'
import { testReceiver } from '../../test/receiver.ts'
import { RUNNER_TOKEN, testEdge } from '../../test/worker.ts'

const WAKE_SECRET = `whsec_${btoa('the secret that wakes in tests..')}`
const METRICS_TOKEN = 'a-token-of-metrics'
const starter = await testReceiver((_, n) => ({ status: n === 0 ? 503 : 200 }))
const { post, read, call, claim, app } = await testEdge({
  ...{ WAKE: 'webhook', WAKE_URL: `${starter.url}/wake`, WAKE_SECRET, METRICS_TOKEN },
  ...{ COLD_START_SECONDS: '40', MAX_RUNNERS: '3' },
})
const headers = { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' }
const demand = (token: string) =>
  call<Record<string, unknown>>('GET', '/demand', { headers: { authorization: `Bearer ${token}` } })

test('stories that nobody takes start one runner, and once more when that was refused; then they say so', async () => {
  const { id } = await post({ frames: [{ prompt: 'one' }] })
  await post({ frames: [{ prompt: 'two' }] })
  const requests = await starter.requests('/wake', 2)
  const events = requests.map(({ headers, body }) =>
    DemandWebhook.parse(new Webhook(WAKE_SECRET).verify(body, headers)),
  )
  assert.deepEqual(
    events.map(({ type, data }) => [type, data.start, data.wanted]),
    Array(2).fill(['runners.wanted', 1, 1]),
  )
  assert.equal(events[1]?.data.queued, 2)
  assert.equal((await read(id)).queue?.stage, 'starting')
  let now = await demand(METRICS_TOKEN)
  for (; !now.body.starting; now = await demand(METRICS_TOKEN)) await sleep(50)
  assert.deepEqual([now.body.queued, now.body.runners, now.body.cold_start_seconds], [2, 0, 40])
})

test('a runner that comes ends the start, and its cold start is known', async () => {
  const model = { name: 'story-mini', abilities: drawingAbilities }
  const announced = { runner: 'fresh', protocol: 2, model, first: true }
  assert.equal((await call('POST', '/runner/announce', { headers, body: JSON.stringify(announced) })).status, 200)
  let now = await demand(METRICS_TOKEN)
  for (; now.body.starting; now = await demand(METRICS_TOKEN)) await sleep(50)
  assert.ok(Number(now.body.cold_start_seconds) < 40)
  assert.equal(now.body.runners, 1)
  const lease = (await claim())!
  assert.equal((await read(lease.id)).queue?.stage, 'starting', 'at the runner')
  const { results } = (await app<{ results: { id: string; status: string }[] }>('GET', '/stories')).body
  const waiting = results.find(({ status }) => status === 'queued')!
  assert.equal((await read(waiting.id)).queue?.stage, 'waiting')
})

test('the demand is for those who hold the token of metrics', async () => {
  assert.equal((await demand('another-token-altogether')).status, 401)
  assert.equal((await app<Problem>('GET', '/demand')).status, 401)
})
