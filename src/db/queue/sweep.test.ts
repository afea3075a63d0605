/** What time does: claims that never start, deadlines, and what the view says of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eq } from 'drizzle-orm'
import { testD1 } from '../../../test/d1.ts'
import { migratedFromFirst } from '../../../test/first-version.ts'
import { queueShares } from '../schema/queue.ts'
import { stories } from '../schema/stories.ts'
import { deliveries } from '../schema/webhooks.ts'
import { insertFrame } from '../stories/frames.ts'
import { findStory } from '../stories/stories.ts'
import { keepBody, untried } from '../webhooks/deliveries.ts'
import { cancel } from './cancel.ts'
import { claim } from './claim.ts'
import { complete } from './complete.ts'
import { extendLease, releaseLease } from './lease.ts'
import { confirmStop, fail, markStarted } from './report.ts'
import { resume } from './resume.ts'
import { dueStories, endWaitsOfTheFuture, MAX_UNSTARTED, sweep } from './sweep.ts'
import { LONGEST_PAUSE_MS } from './transitions.ts'

const { db, apiKeyId, queued, take, sweepAll } = await testD1()
const webhook = 'https://app.example/hook'
const read = async (id: string) => (await findStory(db, id))!.story
const event = (storyId: string, leaseToken: string, now: number, sequence = 1) => ({
  messageId: `${storyId}-${leaseToken}-${sequence}`,
  storyId,
  leaseToken,
  sequence,
  now,
})
const enqueued = async (id: string) =>
  (await db.select().from(deliveries).where(eq(deliveries.storyId, id))).map((row) => row.id.replace(`msg_${id}_`, ''))
const outcomes = async (id: string) => (await read(id)).attempts.map(({ number, outcome }) => [number, outcome])

test('a claim that is never started costs no attempt, and is seen; ten in a row end the story as a dead letter', async () => {
  const { id, model } = await queued(0, { webhook })
  await take(model, 'answer lost', 0)
  await take(model, 'started', 100)
  await markStarted(db, event(id, 'started', 101))
  assert.deepEqual([(await read(id)).attempt, (await read(id)).startedAt], [1, 101])
  for (let n = 1; n < MAX_UNSTARTED; n++) assert.equal((await take(model, `silent ${n}`, 100 + n * 100))?.attempt, 1)
  await take(model, 'the tenth', 1100)
  assert.equal((await read(id)).unstarted, 9)
  assert.equal(await take(model, 'the eleventh', 1200), undefined)
  const { status, error, deadLetter } = await read(id)
  assert.deepEqual([status, error?.code, deadLetter], ['failed', 'never_started', true])
  assert.deepEqual((await outcomes(id)).slice(0, 3), [
    [null, 'not_started'],
    [1, 'lost'],
    [null, 'not_started'],
  ])
})

test('only the latest claims are remembered', async () => {
  const { id, model } = await queued(0)
  for (let n = 1; n <= 25; n++) {
    await take(model, `r${n}`, n)
    await releaseLease(db, id, `r${n}`, n)
  }
  const { attempts } = await read(id)
  assert.deepEqual([attempts.length, attempts[0]?.runner, attempts.at(-1)?.runner], [20, 'r6', 'r25'])
  assert.deepEqual(attempts[0], {
    number: null,
    runner: 'r6',
    claimedAt: 6,
    startedAt: null,
    endedAt: 6,
    outcome: 'released',
  })
})

test('any report counts as a start: an attempt that fails at once is one', async () => {
  const { id, model } = await queued(0)
  const fault = { code: 'runner_failed', message: 'no memory' }
  for (let attempt = 1; attempt <= 3; attempt++) {
    const now = attempt * 10_000
    await take(model, `t${attempt}`, now)
    assert.equal(await fail(db, event(id, `t${attempt}`, now), fault, true, 0), true)
  }
  assert.deepEqual(await outcomes(id), [
    [1, 'failed'],
    [2, 'failed'],
    [3, 'failed'],
  ])
  assert.deepEqual([(await read(id)).status, (await read(id)).deadLetter], ['failed', true])
})

test('a story that was not started in time expires, whether anybody claims or not', async () => {
  const deadline = { start_within: 5, run_within: null }
  const [a, b] = [await queued(0, { deadline, webhook }), await queued(0, { deadline })]
  assert.equal(await take(b.model, 'late', 5000), undefined)
  assert.equal((await read(b.id)).status, 'expired')
  await Promise.all([sweepAll(4999), sweepAll(5000), sweepAll(5001)])
  assert.deepEqual([(await read(a.id)).status, await enqueued(a.id)], ['expired', ['completed']])
  assert.equal((await cancel(db, a.id, apiKeyId, 6000))?.story.status, 'expired')
})

test('a story that was claimed but not started before its deadline expires when the lease is over; one that started does not', async () => {
  const deadline = { start_within: 1, run_within: null }
  const { id, model } = await queued(0, { deadline })
  await take(model, 'lost', 950)
  await sweepAll(1010)
  assert.equal((await read(id)).status, 'running')
  assert.equal(await take(model, 'next', 1050), undefined)
  assert.equal((await read(id)).status, 'expired')
  const other = await queued(0, { deadline })
  await take(other.model, 'a', 950)
  await markStarted(db, event(other.id, 'a', 951))
  assert.equal((await take(other.model, 'b', 1050))?.id, other.id)
})

test('an attempt over time fails with its own code, and keeps its frames; the holder is told to stop', async () => {
  const { id, model } = await queued(0, { deadline: { start_within: null, run_within: 2 }, webhook })
  await take(model, 'a', 0)
  const frame = { key: 'k', sha256: 'k', width: 8, height: 8, index: 0, seed: 1 }
  await insertFrame(db, id, 'a', frame, 1)
  assert.deepEqual(await extendLease(db, id, 'a', 1500, 1000), { leaseUntil: 2000, stop: false })
  assert.equal(await confirmStop(db, event(id, 'a', 1999)), false)
  assert.deepEqual(await extendLease(db, id, 'a', 1500, 2000), { leaseUntil: 2000, stop: true })
  assert.equal(await confirmStop(db, event(id, 'a', 2001)), true)
  const found = await findStory(db, id)
  const { status, error, deadLetter } = found!.story
  assert.deepEqual([status, error?.code, deadLetter, found!.frames.length], ['failed', 'run_timeout', false, 1])
  assert.deepEqual(await outcomes(id), [[1, 'timed_out']])

  const silent = await queued(0, { deadline: { start_within: null, run_within: 2 }, webhook })
  await take(silent.model, 'a', 0, 10_000)
  await markStarted(db, event(silent.id, 'a', 1))
  await sweepAll(1999)
  assert.equal((await read(silent.id)).status, 'running')
  await sweepAll(2000)
  assert.deepEqual([(await read(silent.id)).status, await outcomes(silent.id)], ['failed', [[1, 'timed_out']]])
})

test('resume: finished frames stay, attempts are new, and the second end is announced as well', async () => {
  const { id, model } = await queued(0, { webhook, webhook_events_filter: ['completed'] })
  await take(model, 'a', 0)
  await insertFrame(db, id, 'a', { key: 'k', sha256: 'k', width: 8, height: 8, index: 0, seed: 1 }, 1)
  const fault = { code: 'invalid_story', message: 'no' }
  assert.equal(await resume(db, id, { apiKeyId }, 1), false)
  await fail(db, event(id, 'a', 2), fault, false, 0)
  assert.equal(await resume(db, id, { apiKeyId: 'another' }, 3), false)
  assert.equal(await resume(db, id, { deadLetter: true }, 3), false)
  // Not before the webhook of the failure has its body.
  assert.equal(await resume(db, id, { apiKeyId }, 3), false)
  for (const message of await untried(db, id)) await keepBody(db, message.id, '{}')
  const both = await Promise.all([resume(db, id, { apiKeyId }, 3), resume(db, id, { apiKeyId }, 3)])
  assert.deepEqual(both.sort(), [false, true])
  const { status, error, completedAt, maxAttempts } = await read(id)
  assert.deepEqual([status, error, completedAt, maxAttempts], ['queued', null, null, 4])
  await take(model, 'b', 4)
  await insertFrame(db, id, 'b', { key: 'k2', sha256: 'k2', width: 8, height: 8, index: 1, seed: 1 }, 5)
  const done = { ...event(id, 'b', 6), messageId: 'done' }
  assert.deepEqual(await complete(db, [done], 6), new Set(['done']))
  assert.equal((await read(id)).status, 'succeeded')
  assert.deepEqual(await enqueued(id), ['completed', 'completed_r1'])
  assert.equal(await resume(db, id, { apiKeyId }, 7), false)
})

test('a canceled story can be resumed, a dead letter redriven by others than its key', async () => {
  const { id, model } = await queued(0)
  await cancel(db, id, apiKeyId, 1)
  assert.equal(await resume(db, id, { apiKeyId }, 2), true)
  for (let n = 1; n <= 3; n++) {
    await take(model, `t${n}`, n * 200)
    await markStarted(db, event(id, `t${n}`, n * 200))
  }
  await sweepAll(1000)
  assert.equal((await read(id)).deadLetter, true)
  assert.equal(await resume(db, id, { deadLetter: true }, 1001), true)
  assert.equal((await take(model, 'again', 1002))?.id, id)
})

test('after the clock was set back an hour, a dead runner is found out within a lease; a living one keeps its own', async () => {
  const hour = 3_600_000
  const [dead, living] = [await queued(hour), await queued(hour)]
  await take(dead.model, 'dead', hour, 100)
  await take(living.model, 'living', hour, 100)
  await endWaitsOfTheFuture(db, 100, 10)
  assert.deepEqual(await extendLease(db, living.id, 'living', 100, 60), { leaseUntil: 160, stop: false })
  await sweepAll(109)
  assert.equal((await read(dead.id)).status, 'running')
  await sweepAll(110)
  assert.deepEqual([(await read(dead.id)).status, (await read(living.id)).status], ['queued', 'running'])
})

test('after the clock was set back an hour, a story that pauses goes on within the longest pause; a later one keeps its own', async () => {
  const hour = 3_600_000
  const fault = { code: 'runner_failed', message: 'no memory' }
  const [ahead, due] = [await queued(hour), await queued(0)]
  await take(ahead.model, 'a', hour)
  await fail(db, event(ahead.id, 'a', hour), fault, true, 0.5)
  await take(due.model, 'b', 0)
  await fail(db, event(due.id, 'b', 0), fault, true, 0.5)
  await endWaitsOfTheFuture(db, 100, 10)
  const pauseEnds = async (id: string) => (await read(id)).claimableAt
  assert.deepEqual([await pauseEnds(ahead.id), await pauseEnds(due.id)], [10 + LONGEST_PAUSE_MS, 1000])
  await sweepAll(1000)
  assert.equal(await take(ahead.model, 'early', 1001), undefined)
  assert.equal((await take(due.model, 'again', 1001))?.id, due.id)
  assert.equal((await take(ahead.model, 'late', 10 + LONGEST_PAUSE_MS))?.id, ahead.id)
})

test('the pause before another attempt doubles up to its bound, however many attempts there were', async () => {
  const { id, model } = await queued(0)
  const fault = { code: 'runner_failed', message: 'no memory' }
  const pauses: number[] = []
  await db.update(stories).set({ maxAttempts: 99 }).where(eq(stories.id, id))
  for (const attempt of [0, 1, 5, 6, 40]) {
    const now = 1e6 * (attempt + 1)
    await db.update(stories).set({ attempt }).where(eq(stories.id, id))
    await take(model, `t${attempt}`, now)
    await fail(db, event(id, `t${attempt}`, now), fault, true, 0.5)
    pauses.push((await read(id)).claimableAt! - now)
  }
  assert.deepEqual(pauses, [1000, 2000, 32_000, 32_000, 32_000])
})

test('the queue of a database of the first version goes on: stories that wait, and those that are claimed', async () => {
  const old = await migratedFromFirst((d1) => {
    const story = (id: string, status: string, claimableAt: number | null, token: string | null) =>
      d1
        .prepare(
          `INSERT INTO stories (id, api_key_id, request, model, seed, origin, frame_count, status, claimable_at, attempt, lease_token, runner, created_at, started_at)
           VALUES (?1, 'key_1', '{"frames":[{"prompt":"one"}]}', 'm', 1, 'https://e', 0, ?2, ?3, 1, ?4, iif(?4 IS NULL, NULL, 'r'), 5, 6)`,
        )
        .bind(id, status, claimableAt, token)
    return [
      story('waits', 'queued', 10, null),
      story('claimed', 'running', 900, 'old token'),
      story('lost', 'running', 10, 'lost token'),
      story('over', 'succeeded', null, null),
    ]
  })
  assert.deepEqual((await old.query.apiKeys.findFirst())?.running, 2)
  assert.deepEqual(
    (await old.select().from(queueShares)).map(({ ready }) => ready),
    [1],
  )
  const take = (leaseToken: string, now: number) =>
    claim(old, { model: 'm', runner: 'r', leaseTokens: [leaseToken], leaseMs: 100 }, now)
  assert.deepEqual(
    (await take('t1', 100)).claimed.map((story) => story.id),
    ['waits'],
  )
  assert.deepEqual(
    (await take('t2', 101)).claimed.map((story) => [story.id, story.attempt]),
    [['lost', 1]],
  )
  const done = { messageId: 'm1', storyId: 'claimed', leaseToken: 'old token' }
  assert.deepEqual(await complete(old, [done], 102), new Set(['m1']))
  await sweep(old, await dueStories(old, 1000), 1000)
  assert.equal((await old.query.apiKeys.findFirst())?.running, 0)
})
