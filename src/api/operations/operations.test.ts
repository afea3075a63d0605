import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Problem } from '../../../contract/problem.ts'
import { testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'
import { series } from '../../durable/meter.ts'

const token = 'a-token-of-the-metrics'
const { app, call, post, claim, report, bindings } = await testEdge({ METRICS_TOKEN: token })
const receiver = await testReceiver((_, n) => ({ status: n === 0 ? 500 : 200 }))
const frames = [{ prompt: 'one' }]

/** The samples of `/metrics`, by series. */
async function scrape(): Promise<Map<string, number>> {
  const { body, headers } = await call<string>('GET', '/metrics', { headers: { authorization: `Bearer ${token}` } })
  assert.match(headers.get('content-type') ?? '', /^text\/plain; version=0\.0\.4/)
  const lines = body.trimEnd().split('\n')
  const types = lines.filter((line) => line.startsWith('# TYPE'))
  assert.equal(new Set(types.map((line) => line.split(' ')[2])).size, types.length, 'each metric is declared once')
  const samples = lines.filter((line) => !line.startsWith('#'))
  for (const line of samples) assert.match(line, /^[a-z_]+(\{([a-z_]+="[^"]*",?)+\})? [0-9.e+-]+$/)
  return new Map(
    samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ')))]),
  )
}

test('health says how long the queue is, and for how long its first story has been waiting', async () => {
  const { id } = await post({ frames })
  await bindings.DB.prepare('UPDATE stories SET claimable_at = ? WHERE id = ?')
    .bind(Date.now() - 90_000, id)
    .run()
  const health = () =>
    call<{ status: string; queue: Record<string, number> }>('GET', '/healthz').then(({ body }) => body)
  const { status, queue } = await health()
  assert.deepEqual([status, queue.ready, queue.delayed, queue.running], ['ok', 1, 0, 0])
  assert.ok(queue.oldest_ready_seconds! >= 90 && queue.oldest_ready_seconds! < 150)
  const lease = (await claim())!
  assert.deepEqual((await health()).queue, { ready: 0, delayed: 0, running: 1, oldest_ready_seconds: 0 })
  await report(lease, 1, 'story.failed', { error: { code: 'runner_failed', message: 'no' }, retryable: true })
  await app('POST', `/stories/${id}/cancel`)
  assert.deepEqual((await health()).queue, { ready: 0, delayed: 0, running: 0, oldest_ready_seconds: 0 })
})

test('metrics count requests, claims, events and webhook attempts, and never forget', async () => {
  const { id } = await post({ frames, webhook: `${receiver.url}/hook` })
  const lease = (await claim())!
  await report(lease, 1, 'story.failed', { error: { code: 'invalid_story', message: 'no' }, retryable: false })
  await receiver.requests('/hook', 2)
  const refused = series('fableframe_webhook_attempts_total', { outcome: 'refused' })
  let samples = await scrape()
  while (samples.get('fableframe_webhook_attempt_seconds_count') !== 2) {
    await pause(50)
    samples = await scrape()
  }
  assert.equal(samples.get(refused), 1)
  assert.equal(samples.get(series('fableframe_webhook_attempts_total', { outcome: 'delivered' })), 1)
  assert.ok(samples.get(series('fableframe_claims_total', { model: 'story-mini' }))! >= 1)
  assert.equal(samples.get(series('fableframe_runner_events_total', { type: 'story.failed', status: 'failed' })), 1)
  const created = { method: 'POST', route: '/stories' }
  const requests = series('fableframe_http_requests_total', { ...created, status: 202 })
  assert.equal(samples.get(requests), 2)
  const buckets = [...samples].filter(([name]) =>
    name.startsWith('fableframe_http_request_duration_seconds_bucket{method="POST",route="/stories"'),
  )
  assert.deepEqual(
    buckets.map(([, value]) => value),
    buckets.map(([, value]) => value).toSorted((a, b) => a - b),
  )
  assert.equal(buckets.at(-1)?.[1], 2)
  assert.equal(samples.get('fableframe_queue_depth{state="ready"}'), 0)
  assert.ok(![...samples.keys()].some((name) => name.includes(id)), 'no series of a single story')
  await post({ frames })
  assert.equal((await scrape()).get(requests), 3)
})

test('metrics are for those who hold the token', async () => {
  for (const authorization of [undefined, 'Bearer wrong', `Basic ${token}`]) {
    const { status, body } = await call<Problem>('GET', '/metrics', authorization ? { headers: { authorization } } : {})
    assert.deepEqual([status, body.type], [401, '/problems/unauthorized'])
  }
})

test('a request id goes through the answer and its problem, unless it could spoil a log', async () => {
  const ask = (id: string) => call<Problem>('GET', '/nowhere', { headers: { 'x-request-id': id } })
  const { headers, body } = await ask('req-of-the-caller')
  assert.deepEqual([headers.get('x-request-id'), body.request_id], ['req-of-the-caller', 'req-of-the-caller'])
  const replaced = await ask('a "quoted" {id}')
  assert.match(replaced.body.request_id, /^req_[a-z2-7]{16}$/)
  assert.equal(replaced.headers.get('x-request-id'), replaced.body.request_id)
})

test('without its database the edge says that it is not well, and why', async () => {
  await bindings.DB.prepare('ALTER TABLE stories RENAME TO lost').run()
  const { status, body } = await call<Problem>('GET', '/healthz')
  assert.deepEqual([status, body.type], [503, '/problems/unavailable'])
  assert.match(body.detail, /the database does not answer: /)
  await bindings.DB.prepare('ALTER TABLE lost RENAME TO stories').run()
  assert.equal((await call('GET', '/healthz')).status, 200)
})
