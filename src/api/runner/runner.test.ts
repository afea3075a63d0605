import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../../contract/problem.ts'
import { type Claim, type Heartbeat, MAX_IMAGE_BYTES } from '../../../contract/runner.ts'
import { plainPng } from '../../../test/png.ts'
import { RUNNER_TOKEN, testEdge } from '../../../test/worker.ts'
import { sha256 } from '../../platform/ids.ts'

const { app, call, post, read, claim, held, report, bindings } = await testEdge()
const story = { frames: [{ prompt: 'one' }, { prompt: 'two' }] }
const progress = (step: number) => ({ stage: 'sampling', step, steps: 10, fraction: step / 10 })
const authorization = `Bearer ${RUNNER_TOKEN}`
const expire = (id: string) => bindings.DB.prepare('UPDATE stories SET claimable_at = 0 WHERE id = ?').bind(id).run()
const stored = async (id: string) => (await bindings.IMAGES.list({ prefix: `stories/${id}/` })).objects.length
const drop = (lease: Claim) => held(lease, 'POST', 'release').then(() => app('POST', `/stories/${lease.id}/cancel`))

async function claimedStory(): Promise<Claim> {
  const { id } = await post(story)
  const lease = await claim()
  assert.equal(lease?.id, id)
  return lease!
}

test('a story goes the whole way: claimed, drawn, reported, done', async () => {
  const { id, seed } = await post(story)
  const lease = (await claim())!
  assert.deepEqual([lease.id, lease.seed, lease.attempt, lease.finished_frames], [id, seed, 1, []])
  assert.equal(lease.story.frames[1]?.prompt, 'two')
  assert.equal((await report(lease, 1, 'story.started')).status, 200)
  assert.deepEqual((await report(lease, 2, 'story.progress', { progress: progress(3) })).body, {
    status: 'running',
    cancel: false,
    duplicate: false,
  })
  assert.deepEqual((await read(id)).progress, progress(3))
  for (const index of [0, 1]) {
    assert.equal((await held(lease, 'PUT', `frames/${index}`, await plainPng(index))).status, 200)
    const done = { index, progress: progress(10) }
    assert.equal((await report(lease, 3 + index, 'story.frame.completed', done)).status, 200)
  }
  assert.equal((await held(lease, 'PUT', 'storyboard', await plainPng(9, 200, 100))).status, 200)
  assert.equal((await report(lease, 5, 'story.completed')).body.status, 'succeeded')
  const view = await read(id)
  assert.deepEqual(
    view.frames.map(({ status, width, height, seed }) => [status, width, height, seed]),
    [
      ['succeeded', 64, 64, 11],
      ['succeeded', 64, 64, 11],
    ],
  )
  assert.deepEqual(
    [view.status, view.attempts.map(({ number, outcome }) => [number, outcome]), view.urls.storyboard?.split('?')[0]],
    ['succeeded', [[1, 'succeeded']], `${view.urls.self}/storyboard.png`],
  )
})

test('a claim waits for a story; its lease is short until the first heartbeat', async () => {
  assert.equal(await claim('no-such-model'), undefined)
  const waiting = claim('story-mini', 20)
  const { id } = await post(story)
  const lease = (await waiting)!
  assert.equal(lease.id, id)
  const kept = await held<Heartbeat>(lease, 'POST', 'heartbeat')
  assert.deepEqual([lease.lease_seconds, kept.body.lease_seconds, kept.body.cancel], [10, 30, false])
  assert.ok(Date.parse(kept.body.lease_until) > Date.parse(lease.lease_until))
  await drop(lease)
})

test('the next attempt learns which frames are there; what the old holder sends is refused and not kept', async () => {
  const first = await claimedStory()
  await held(first, 'PUT', 'frames/1', await plainPng(1))
  await expire(first.id)
  const second = (await claim())!
  assert.deepEqual([second.id, second.attempt, second.finished_frames], [first.id, 2, [1]])
  assert.notEqual(second.lease_token, first.lease_token)
  const png = await plainPng(1)
  const there = await call<string>('GET', `/runner/stories/${second.id}/frames/1`, {
    headers: { authorization, 'x-lease-token': second.lease_token },
  })
  assert.deepEqual([there.status, there.headers.get('etag')], [200, `"${await sha256(new Uint8Array(png))}"`])
  assert.equal((await held(second, 'GET', 'frames/0')).status, 404)
  for (const answer of [
    await held<Problem>(first, 'POST', 'heartbeat'),
    await held<Problem>(first, 'POST', 'release'),
    await held<Problem>(first, 'PUT', 'frames/0', await plainPng(1)),
    await held<Problem>(first, 'PUT', 'storyboard', await plainPng(1)),
    await report(first, 1, 'story.started'),
    await report(first, 2, 'story.completed'),
    await report(first, 3, 'story.failed', { error: { code: 'x', message: 'x' }, retryable: false }),
  ])
    assert.deepEqual([answer.status, answer.body.type], [409, '/problems/stale-lease'])
  assert.equal(await stored(first.id), 1)
  await drop(second)
})

test('an upload is a picture of the story, within bounds, and stored once', async () => {
  const lease = await claimedStory()
  const picture = await plainPng(1)
  const spoilt = Buffer.concat([Buffer.from('GIF89a'), picture])
  for (const bytes of [spoilt, picture.subarray(0, -5), Buffer.concat([picture, picture]), Buffer.of(1)]) {
    const answer = await held<Problem>(lease, 'PUT', 'frames/0', bytes)
    assert.deepEqual([answer.status, answer.body.type], [422, '/problems/validation'])
  }
  const large = await held<Problem>(lease, 'PUT', 'frames/0', Buffer.alloc(MAX_IMAGE_BYTES + 1))
  assert.equal(large.body.type, '/problems/too-large')
  for (const index of ['2', '-1', 'x'])
    assert.equal((await held<Problem>(lease, 'PUT', `frames/${index}`, picture)).status, 404, index)
  assert.equal(await stored(lease.id), 0)
  const answers = await Promise.all(
    [picture, picture, await plainPng(2)].map((png) => held(lease, 'PUT', 'frames/0', png)),
  )
  assert.deepEqual(answers[0]?.body, answers[1]?.body)
  assert.deepEqual(answers[0]?.body, answers[2]?.body)
  assert.equal(await stored(lease.id), 1)
  await drop(lease)
})

test('a story completes only with every frame, and the same message may come again then', async () => {
  const lease = await claimedStory()
  await held(lease, 'PUT', 'frames/0', await plainPng(1))
  const early = await report(lease, 1, 'story.completed')
  assert.deepEqual([early.status, early.body.type], [409, '/problems/frames-missing'])
  assert.match(early.body.detail, /lacks the frames 1/)
  await held(lease, 'PUT', 'frames/1', await plainPng(1))
  const copies = await Promise.all(Array.from({ length: 4 }, () => report(lease, 1, 'story.completed')))
  assert.deepEqual(
    copies.map(({ status, body }) => [status, body.status]),
    Array(4).fill([200, 'succeeded']),
  )
  assert.equal(copies.filter(({ body }) => !body.duplicate).length, 1)
})

test('an event is believed only with a fresh signature over the very bytes', async () => {
  const lease = await claimedStory()
  const minutes = (n: number) => new Date(Date.now() + n * 60_000)
  const forged: Parameters<typeof report>[4][] = [
    { at: minutes(-6) },
    { at: minutes(6) },
    { secret: `whsec_${btoa('another secret of at least 24')}` },
    { body: '{"type":"story.completed"}' },
  ]
  for (const overrides of forged) {
    const answer = await report(lease, 1, 'story.started', {}, overrides)
    assert.deepEqual([answer.status, answer.body.type], [400, '/problems/bad-signature'])
  }
  const bare = await call<Problem>('POST', '/runner/webhooks', { body: '{}' })
  assert.equal(bare.body.type, '/problems/bad-signature')
  const malformed = await report(lease, 0, 'story.progress', { progress: { ...progress(1), fraction: 7 } })
  assert.deepEqual(
    malformed.body.errors?.map((error) => error.pointer),
    ['/data/sequence', '/data/progress/fraction'],
  )
  await drop(lease)
})

test('events that are repeated or come late change nothing', async () => {
  const lease = await claimedStory()
  await report(lease, 5, 'story.progress', { progress: progress(5) })
  const { body: late } = await report(lease, 4, 'story.progress', { progress: progress(4) })
  const { body: copy } = await report(lease, 5, 'story.progress', { progress: progress(5) })
  assert.deepEqual([late, copy], Array(2).fill({ status: 'running', cancel: false, duplicate: true }))
  assert.deepEqual((await read(lease.id)).progress, progress(5))
  await drop(lease)
})

test('a cancellation reaches the runner with its next heartbeat or event', async () => {
  const lease = await claimedStory()
  await app('POST', `/stories/${lease.id}/cancel`)
  assert.equal((await held<{ cancel: boolean }>(lease, 'POST', 'heartbeat')).body.cancel, true)
  assert.equal((await report(lease, 1, 'story.progress', { progress: progress(1) })).body.cancel, true)
  for (const index of [0, 1]) await held(lease, 'PUT', `frames/${index}`, await plainPng(1))
  assert.equal((await report(lease, 2, 'story.completed')).body.status, 'canceled')
  const view = await read(lease.id)
  assert.deepEqual([view.status, view.frames[0]?.status], ['canceled', 'succeeded'])
})

test('a failure of the story ends it with a reason, a story handed back is claimed again at once', async () => {
  const lease = await claimedStory()
  await report(lease, 1, 'story.started')
  assert.equal((await held<{ status: string }>(lease, 'POST', 'release')).body.status, 'queued')
  const again = (await claim())!
  assert.deepEqual([again.id, again.attempt], [lease.id, 2])
  const error = { code: 'invalid_story', message: 'no scheduler zigzag' }
  assert.equal((await report(again, 1, 'story.failed', { error, retryable: false })).body.status, 'failed')
  assert.deepEqual((await read(lease.id)).error, error)
})

test("the runners' routes take the runners' token and a lease, and nothing else", async () => {
  const lease = await claimedStory()
  for (const authorized of ['', 'Bearer wrong', `Bearer ${RUNNER_TOKEN}x`]) {
    const answer = await call<Problem>('POST', '/runner/claim', { headers: { authorization: authorized }, body: '{}' })
    assert.equal(answer.status, 401)
  }
  const path = `/runner/stories/${lease.id}/heartbeat`
  const bare = await call<Problem>('POST', path, { headers: { authorization } })
  assert.deepEqual([bare.status, bare.body.errors?.[0]?.pointer], [422, '/x-lease-token'])
  const guess = await held<Problem>({ ...lease, lease_token: 'a'.repeat(32) }, 'POST', 'heartbeat')
  assert.equal(guess.body.type, '/problems/stale-lease')
  const nowhere = await held<Problem>({ ...lease, id: 'a'.repeat(26) }, 'POST', 'heartbeat')
  assert.equal(nowhere.body.type, '/problems/not-found')
  assert.equal((await app<Problem>('POST', '/runner/claim', {})).status, 401)
  await drop(lease)
})
