import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eq } from 'drizzle-orm'
import { testD1 } from '../../../test/d1.ts'
import { deliveries } from '../schema/webhooks.ts'
import { insertFrame } from '../stories/frames.ts'
import { keepPage } from '../stories/pages.ts'
import { findStory } from '../stories/stories.ts'
import { cancel } from './cancel.ts'
import { complete } from './complete.ts'
import { extendLease, releaseLease } from './lease.ts'
import { type EventOrigin, isSeen } from './messages.ts'
import { confirmStop, fail, markProgress, markStarted } from './report.ts'

const { db, apiKeyId, queued, take: lease, sweepAll } = await testD1()
const webhook = 'https://app.example/hook'
const leaseMs = 100

const event = (storyId: string, leaseToken: string, sequence: number, now: number): EventOrigin => ({
  messageId: `${storyId}-${leaseToken}-${sequence}`,
  storyId,
  leaseToken,
  sequence,
  now,
})
const done = async (origin: EventOrigin) => (await complete(db, [origin], origin.now)).has(origin.messageId)
const start = (id: string, token: string, now: number) => markStarted(db, event(id, token, 1, now))
const progress = (step: number) => ({ stage: 'sampling' as const, step, steps: 10, fraction: step / 10 })
const picture = (name: string) => ({ key: name, sha256: name, width: 64, height: 64 })
const frame = (index: number, name = `frame-${index}`) => ({ ...picture(name), index, seed: index })
const read = async (id: string) => (await findStory(db, id))!.story
const enqueued = async (id: string) =>
  (await db.select().from(deliveries).where(eq(deliveries.storyId, id))).map((row) => row.type).sort()

test('sixteen claimers share out the queue: every story once, the oldest first', async () => {
  const { id: oldest, model } = await queued(0)
  for (let i = 1; i < 60; i++) await queued(i, {}, model)
  const taken: string[] = []
  const claimer = async (name: number) => {
    for (let n = 0; ; n++) {
      const story = await lease(model, `claimer-${name}-${n}`, 1000)
      if (!story) return
      taken.push(story.id)
    }
  }
  await Promise.all(Array.from({ length: 16 }, (_, name) => claimer(name)))
  assert.equal(taken.length, 60)
  assert.equal(new Set(taken).size, 60)
  assert.equal(taken[0], oldest)
})

test('a story is claimed by one holder, and comes back when the lease runs out', async () => {
  const { id, model } = await queued(10)
  const race = await Promise.all([lease(model, 'a', 10), lease(model, 'b', 10)])
  assert.deepEqual(
    race.flatMap((story) => story?.id ?? []),
    [id],
  )
  const holder = (await read(id)).leaseToken!
  assert.deepEqual(await extendLease(db, id, holder, leaseMs, 100), { leaseUntil: 200, stop: false })
  assert.equal(await lease(model, 'c', 150), undefined)
  assert.equal((await lease(model, 'c', 200))?.id, id)
})

test('after the lease has passed to another, nothing of the first holder counts', async () => {
  const { id, model } = await queued(0)
  await lease(model, 'first', 0)
  await lease(model, 'second', 100)
  const before = await read(id)
  assert.equal(await extendLease(db, id, 'first', leaseMs, 101), undefined)
  assert.equal(await releaseLease(db, id, 'first', 101), undefined)
  assert.equal(await markStarted(db, event(id, 'first', 1, 101)), false)
  assert.equal(await markProgress(db, event(id, 'first', 2, 101), progress(1)), false)
  assert.equal(await insertFrame(db, id, 'first', frame(0), 101), undefined)
  assert.equal(await keepPage(db, id, 'first', 'storyboard', picture('board')), undefined)
  assert.equal(await done(event(id, 'first', 3, 101)), false)
  assert.equal(await confirmStop(db, event(id, 'first', 4, 101)), false)
  assert.equal(await fail(db, event(id, 'first', 5, 101), { code: 'x', message: 'x' }, false, 0), false)
  assert.deepEqual(await read(id), before)
})

test('a holder whose lease ran out unnoticed may still go on', async () => {
  const { id, model } = await queued(0)
  await lease(model, 'slow', 0)
  assert.deepEqual(await extendLease(db, id, 'slow', leaseMs, 5000), { leaseUntil: 5100, stop: false })
  assert.equal(await lease(model, 'other', 5050), undefined)
})

test('attempts are bounded: the last lost lease fails the story with a reason, and announces it once', async () => {
  const { id, model } = await queued(0, { webhook })
  for (const attempt of [1, 2, 3]) {
    assert.equal((await lease(model, `t${attempt}`, attempt * 100))?.attempt, attempt - 1)
    await start(id, `t${attempt}`, attempt * 100)
  }
  assert.equal(await lease(model, 't4', 400), undefined)
  await Promise.all([sweepAll(400), sweepAll(400), sweepAll(401)])
  const story = await read(id)
  assert.deepEqual(
    [story.status, story.error, story.claimableAt],
    ['failed', { code: 'attempts_exhausted', message: 'gave up after attempt 3: the runner stopped reporting' }, null],
  )
  assert.deepEqual(await enqueued(id), ['story.failed', 'story.started'])
  assert.equal(story.deadLetter, true)
})

test('frames outlive a lost lease, and a story completes with those of several attempts', async () => {
  const { id, model } = await queued(0, { webhook })
  await lease(model, 'first', 0)
  assert.equal((await insertFrame(db, id, 'first', frame(0), 1))?.attempt, 1)
  await lease(model, 'second', 100)
  assert.equal(await done(event(id, 'second', 1, 101)), false)
  assert.equal(await isSeen(db, event(id, 'second', 1, 101).messageId), false)
  assert.equal((await insertFrame(db, id, 'second', frame(1), 102))?.attempt, 2)
  assert.equal(await done(event(id, 'second', 1, 103)), true)
  const { story, frames } = (await findStory(db, id))!
  assert.deepEqual([story.status, story.completedAt, story.leaseToken], ['succeeded', 103, null])
  assert.deepEqual(
    frames.map((row) => [row.index, row.attempt]),
    [
      [0, 1],
      [1, 2],
    ],
  )
  assert.deepEqual(await enqueued(id), ['story.completed', 'story.frame.completed', 'story.frame.completed'])
})

test('many copies of a completion end the story once', async () => {
  const { id, model } = await queued(0, { webhook, webhook_events_filter: ['completed'] })
  await lease(model, 'a', 0)
  for (const index of [0, 1]) await insertFrame(db, id, 'a', frame(index), 1)
  const results = await Promise.all(Array.from({ length: 8 }, () => done(event(id, 'a', 1, 2))))
  assert.equal(results.filter(Boolean).length, 1)
  assert.deepEqual(await enqueued(id), ['story.completed'])
})

test('the first upload of a frame stays, also when uploads race', async () => {
  const { id, model } = await queued(0, { webhook })
  await lease(model, 'a', 0)
  const uploads = await Promise.all(
    Array.from({ length: 6 }, (_, n) => insertFrame(db, id, 'a', frame(0, `copy-${n}`), 1)),
  )
  assert.equal(new Set(uploads.map((row) => row?.key)).size, 1)
  assert.deepEqual(await enqueued(id), ['story.frame.completed'])
  assert.equal((await keepPage(db, id, 'a', 'storyboard', picture('one')))?.key, 'one')
  assert.equal((await keepPage(db, id, 'a', 'storyboard', picture('two')))?.key, 'one')
})

test('progress never runs backwards, and a start that comes late is still announced', async () => {
  const { id, model } = await queued(0, { webhook, webhook_events_filter: ['start', 'progress'] })
  await lease(model, 'a', 0)
  assert.equal(await markProgress(db, event(id, 'a', 3, 1), progress(5)), true)
  assert.equal(await markProgress(db, event(id, 'a', 2, 2), progress(4)), false)
  assert.equal(await markProgress(db, event(id, 'a', 3, 2), progress(5)), false)
  assert.equal(await markStarted(db, event(id, 'a', 1, 3)), true)
  assert.deepEqual([(await read(id)).progress, (await read(id)).eventSequence], [progress(5), 3])
  assert.deepEqual(await enqueued(id), ['story.progress', 'story.started'])
})

test('a story handed back is ready at once and loses no attempt', async () => {
  const { id, model } = await queued(0)
  for (let attempt = 1; attempt <= 5; attempt++) {
    assert.equal((await lease(model, `t${attempt}`, attempt))?.attempt, attempt - 1)
    await start(id, `t${attempt}`, attempt)
    assert.equal(await releaseLease(db, id, `t${attempt}`, attempt), 'queued')
  }
})

test('a fault of the machine is retried after a pause while attempts are left; a fault of the story is not', async () => {
  const fault = { code: 'runner_failed', message: 'out of memory' }
  const { id, model } = await queued(0)
  let now = 0
  for (const attempt of [1, 2, 3]) {
    now = (await read(id)).claimableAt!
    assert.equal((await lease(model, `t${attempt}`, now))?.attempt, attempt - 1)
    assert.equal(await fail(db, event(id, `t${attempt}`, 1, now), fault, true, 0.5), true)
    if (attempt < 3) assert.equal((await read(id)).claimableAt, now + 500 * 2 ** attempt)
  }
  const { status, error } = await read(id)
  assert.deepEqual([status, error?.message], ['failed', 'gave up after attempt 3: out of memory'])

  const other = await queued(0)
  await lease(other.model, 'a', 0)
  const bad = { code: 'invalid_story', message: 'no scheduler zigzag' }
  assert.equal(await fail(db, event(other.id, 'a', 1, 1), bad, false, 0), true)
  assert.deepEqual([(await read(other.id)).status, (await read(other.id)).error], ['failed', bad])
})

test('cancel: a queued story ends at once, a running one when its runner confirms', async () => {
  const waiting = await queued(0, { webhook })
  assert.equal((await cancel(db, waiting.id, apiKeyId, 1))?.story.status, 'canceled')
  assert.equal(await lease(waiting.model, 'a', 2), undefined)
  assert.deepEqual(await enqueued(waiting.id), ['story.canceled'])

  const { id, model } = await queued(0, { webhook })
  await lease(model, 'a', 0)
  assert.equal(await confirmStop(db, event(id, 'a', 1, 1)), false)
  const requested = (await cancel(db, id, apiKeyId, 1))?.story
  assert.deepEqual([requested?.status, requested?.cancelRequested], ['running', true])
  assert.deepEqual((await cancel(db, id, apiKeyId, 2))?.story, requested)
  assert.deepEqual(await extendLease(db, id, 'a', leaseMs, 3), { leaseUntil: 103, stop: true })
  assert.equal(await confirmStop(db, event(id, 'a', 2, 4)), true)
  const ended = (await cancel(db, id, apiKeyId, 5))?.story
  assert.deepEqual([ended?.status, ended?.completedAt], ['canceled', 4])
  assert.deepEqual(await enqueued(id), ['story.canceled'])
})

test('whatever crosses a cancellation, the story ends as canceled', async () => {
  const fault = { code: 'x', message: 'x' }
  const ways: ((id: string) => Promise<unknown>)[] = [
    async (id) => {
      for (const index of [0, 1]) await insertFrame(db, id, 'a', frame(index), 1)
      return done(event(id, 'a', 1, 2))
    },
    (id) => fail(db, event(id, 'a', 1, 2), fault, true, 0),
    (id) => fail(db, event(id, 'a', 1, 2), fault, false, 0),
    (id) => releaseLease(db, id, 'a', 2),
    () => sweepAll(500),
  ]
  for (const way of ways) {
    const { id, model } = await queued(0, { webhook, webhook_events_filter: ['completed'] })
    await lease(model, 'a', 0)
    await cancel(db, id, apiKeyId, 1)
    await way(id)
    assert.equal((await read(id)).status, 'canceled')
    assert.equal(await lease(model, 'b', 1000), undefined)
    assert.deepEqual(await enqueued(id), ['story.canceled'])
  }
})

test('cancel and completion at the same moment leave one end', async () => {
  for (let round = 0; round < 5; round++) {
    const { id, model } = await queued(0, { webhook, webhook_events_filter: ['completed'] })
    await lease(model, 'a', 0)
    for (const index of [0, 1]) await insertFrame(db, id, 'a', frame(index), 1)
    await Promise.all([cancel(db, id, apiKeyId, 2), done(event(id, 'a', 1, 2)), sweepAll(2)])
    const { status } = await read(id)
    assert.ok(status === 'succeeded' || status === 'canceled', status)
    assert.equal((await enqueued(id)).length, 1)
  }
})
