import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../../contract/problem.ts'
import { StoryWebhook } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, wrong, post, read, claim, held, report, otherKey, call, key, bindings, runCron } = await testEdge({
  LEASE_SECONDS: '2',
})
const story = { frames: [{ prompt: 'one' }, { prompt: 'two' }] }
const error = { code: 'invalid_story', message: 'no scheduler zigzag' }
const clear = () => bindings.DB.prepare("UPDATE stories SET status = 'canceled', ready = 0, claimable_at = NULL").run()

test('a story that failed is resumed: the frames that are done stay, the rest is drawn', async () => {
  const { id, urls } = await post(story)
  const first = (await claim())!
  await report(first, 1, 'story.started')
  await held(first, 'PUT', 'frames/1', await plainPng(1))
  await report(first, 2, 'story.failed', { error, retryable: false })
  const failed = await read(id)
  assert.deepEqual([failed.status, failed.dead_letter, failed.frames[1]?.status], ['failed', false, 'succeeded'])
  const resumed = await app('POST', urls.resume)
  assert.deepEqual([resumed.status, resumed.body.status, resumed.body.error], [200, 'queued', null])
  // Sent again, because its answer was lost.
  assert.deepEqual((await app('POST', urls.resume)).body, resumed.body)
  const second = (await claim())!
  assert.deepEqual([second.id, second.attempt, second.finished_frames], [id, 2, [1]])
  await held(second, 'PUT', 'frames/0', await plainPng(2))
  assert.equal((await report(second, 1, 'story.completed')).body.status, 'succeeded')
  const done = await read(id)
  assert.deepEqual(
    done.attempts.map(({ number, runner, outcome }) => [number, runner, outcome]),
    [
      [1, 'tests', 'failed'],
      [2, 'tests', 'succeeded'],
    ],
  )
  const again = await wrong('POST', urls.resume)
  assert.deepEqual([again.status, again.type], [409, '/problems/not-resumable'])
})

test('a webhook that comes after the story was resumed still shows the story that it is about', async () => {
  await clear()
  const receiver = await testReceiver(() => ({ status: 204 }))
  const { id, urls } = await post({ ...story, webhook: receiver.url, webhook_events_filter: ['start', 'completed'] })
  const lease = (await claim())!
  // Behind the first message, which is not let go.
  const hold = 'UPDATE webhook_deliveries SET next_attempt_at = 9e15 WHERE story_id = ?'
  await bindings.DB.prepare(
    `CREATE TRIGGER hold AFTER INSERT ON webhook_deliveries BEGIN ${hold.replace('?', `'${id}'`)}; END`,
  ).run()
  await report(lease, 1, 'story.started')
  await report(lease, 2, 'story.failed', { error, retryable: false })
  assert.equal((await app('POST', urls.resume)).body.status, 'queued')
  await bindings.DB.prepare('DROP TRIGGER hold').run()
  await bindings.DB.prepare('UPDATE webhook_deliveries SET next_attempt_at = 1 WHERE story_id = ?').bind(id).run()
  await runCron()
  const messages = (await receiver.requests('/', 2)).map(({ body }) => StoryWebhook.parse(JSON.parse(body)))
  const failed = messages.find(({ type }) => type === 'story.failed')
  assert.deepEqual([failed?.data.status, failed?.data.error], ['failed', error])
})

test('only the key that posted a story resumes it', async () => {
  const { id } = await post(story)
  await app('POST', `/stories/${id}/cancel`)
  assert.equal((await wrong('POST', `/stories/${id}/resume`, undefined, await otherKey())).type, '/problems/not-found')
  assert.equal((await wrong('POST', `/stories/${'a'.repeat(26)}/resume`)).type, '/problems/not-found')
  assert.equal((await wrong('POST', '/stories/x/resume')).type, '/problems/not-found')
  assert.equal((await read(id)).status, 'canceled')
})

test('Cancel-After: a story that waits expires, one that runs fails; what is no duration is refused', async () => {
  await clear()
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ ...story, deadline: { start_within: 600 } })
  const postWith = (after: string) =>
    call<Problem & { id: string }>('POST', '/stories', { headers: { ...headers, 'cancel-after': after }, body })
  for (const wrong of ['', '5', '0s', '-1s', '1.5m', '25h', '1d', '5m 3s', '99999999999s']) {
    const answer = await postWith(wrong)
    assert.deepEqual([answer.status, answer.body.errors?.[0]?.pointer], [422, 'Cancel-After'], wrong)
  }
  const deadlines = async (id: string) =>
    bindings.DB.prepare('SELECT start_by - created_at AS s, finish_by - created_at AS f FROM stories WHERE id = ?')
      .bind(id)
      .first()
  for (const [after, ms] of [
    ['90s', 90_000],
    ['5m', 300_000],
    [' 1h ', 600_000],
  ] as const) {
    const { status, body } = await postWith(after)
    assert.equal(status, 202)
    assert.deepEqual(await deadlines(body.id), { s: ms, f: after === ' 1h ' ? 3_600_000 : ms })
  }
  await clear()
  const [runs, waits] = [(await postWith('1s')).body, (await postWith('1s')).body]
  const lease = (await claim())!
  assert.equal(lease.id, runs.id)
  assert.ok(Date.parse(lease.lease_until) <= Date.parse((await read(runs.id)).created_at) + 1000)
  await report(lease, 1, 'story.started')
  while ((await held<{ cancel: boolean }>(lease, 'POST', 'heartbeat')).body.cancel === false);
  assert.equal((await report(lease, 2, 'story.canceled')).body.status, 'failed')
  assert.equal((await read(runs.id)).error?.code, 'run_timeout')
  await runCron()
  assert.equal((await read(waits.id)).status, 'expired')
})

test('a key whose queue is full is refused, and others are not held up by it', async () => {
  await clear()
  await bindings.DB.prepare("UPDATE api_keys SET max_queued = 2 WHERE name = 'local'").run()
  const [one] = [await post(story), await post(story)]
  const answer = await app<Problem>('POST', '/stories', story)
  assert.deepEqual([answer.status, answer.body.type], [429, '/problems/queue-full'])
  assert.match(answer.headers.get('retry-after') ?? '', /^\d+$/)
  assert.equal((await app('POST', '/stories', story, await otherKey())).status, 202)
  await app('POST', `/stories/${one.id}/cancel`)
  assert.equal((await app('POST', '/stories', story)).status, 202)
  assert.equal((await wrong('POST', `/stories/${one.id}/resume`)).type, '/problems/queue-full')
})

test('several stories are claimed in one request, each under a lease of its own', async () => {
  await clear()
  const ids = new Set<string>()
  const other = await otherKey()
  for (let n = 0; n < 2; n++) ids.add((await app('POST', '/stories', story, other)).body.id)
  const headers = { authorization: 'Bearer a-token-of-the-tests', 'content-type': 'application/json' }
  const body = (max: unknown) => JSON.stringify({ runner: 'many', model: 'story-mini', max })
  const { status, body: answer } = await call<{ claims: { id: string; lease_token: string }[] }>(
    'POST',
    '/runner/claim',
    {
      headers,
      body: body(50),
    },
  )
  assert.equal(status, 200)
  assert.deepEqual(new Set(answer.claims.map(({ id }) => id)), ids)
  assert.equal(new Set(answer.claims.map(({ lease_token }) => lease_token)).size, 2)
  assert.equal((await call('POST', '/runner/claim', { headers, body: body(50) })).status, 204)
  for (const max of [0, 51, 1.5, 'all'])
    assert.equal((await call('POST', '/runner/claim', { headers, body: body(max) })).status, 422)
})

test('operators redrive dead letters of any key; other keys may not, and other stories are none', async () => {
  await clear()
  const { id } = await post(story)
  const redrive = (of: string, apiKey = key) => app<Problem>('POST', `/admin/stories/${of}/redrive`, undefined, apiKey)
  const admin = await otherKey()
  await bindings.DB.prepare(`UPDATE api_keys SET scopes = '["admin"]' WHERE name = 'other'`).run()
  assert.equal((await redrive(id, admin)).body.type, '/problems/not-resumable')
  await bindings.DB.prepare('UPDATE stories SET attempt = 2 WHERE id = ?').bind(id).run()
  const lease = (await claim())!
  await report(lease, 1, 'story.failed', { error: { code: 'runner_failed', message: 'no memory' }, retryable: true })
  assert.equal((await read(id)).dead_letter, true)
  assert.equal((await redrive(id, await otherKey())).status, 403)
  const redriven = await redrive(id, admin)
  assert.deepEqual([redriven.status, redriven.body.status], [200, 'queued'])
  assert.equal((await redrive('a'.repeat(26), admin)).body.type, '/problems/not-found')
  assert.deepEqual([(await claim())?.id, (await read(id)).dead_letter], [id, false])
})
