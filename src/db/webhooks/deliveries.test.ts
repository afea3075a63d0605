import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { D1Database, D1PreparedStatement } from '@cloudflare/workers-types'
import { eq, sql } from 'drizzle-orm'
import { testD1 } from '../../../test/d1.ts'
import { openDb } from '../client.ts'
import { cancel } from '../queue/cancel.ts'
import { markStarted } from '../queue/report.ts'
import { stories } from '../schema/stories.ts'
import { deliveries, webhookAttempts } from '../schema/webhooks.ts'
import { insertFrame } from '../stories/frames.ts'
import { removeContent } from '../stories/removal.ts'
import { dueLanes, gaveWay, keepBody, nextDue, type Outcome, settle, takeDue } from './deliveries.ts'
import { endpointOf, rotateSecret } from './endpoint.ts'
import { enqueueWebhook, GIVE_WAY_AFTER } from './outbox.ts'

const { DB, db, apiKeyId, queued, take } = await testD1()
const refused: Outcome = {
  delivered: false,
  retryable: true,
  status: 500,
  response: 'oh',
  error: 'answered no 2xx',
  ms: 3,
  retryAfterMs: null,
}
const accepted: Outcome = { ...refused, delivered: true, status: 204, error: null }
const read = async (id: string) => (await db.select().from(deliveries).where(eq(deliveries.id, id)))[0]!
const HOUR = 3_600_000
let hosts = 0

/** A story whose webhook is in a lane of its own. */
async function inLane(now: number, request = {}) {
  const origin = `https://app-${++hosts}.example`
  const story = await queued(now, { webhook: `${origin}/hook`, ...request })
  const lane = { apiKeyId, origin }
  const take = (now: number, limit = 1) => takeDue(db, lane, { now, holdMs: 100, limit })
  return { ...story, lane, take }
}

async function enqueuedOne(now: number) {
  const story = await inLane(now)
  await cancel(db, story.id, apiKeyId, now)
  return { ...story, message: `msg_${story.id}_completed` }
}

/** Start, two frames, and the end: all enqueued at `now`. */
async function enqueuedFour(now: number) {
  const story = await inLane(now)
  const leaseToken = `lease-${story.id}`
  await take(story.model, leaseToken, now, 10)
  await markStarted(db, { messageId: leaseToken, storyId: story.id, leaseToken, sequence: 1, now })
  for (const index of [0, 1])
    await insertFrame(db, story.id, leaseToken, { key: 'k', sha256: 's', width: 8, height: 8, index, seed: 3 }, now)
  await db.update(stories).set({ status: 'queued' }).where(eq(stories.id, story.id))
  await cancel(db, story.id, apiKeyId, now)
  return { ...story, messages: ['start', 'frame_0', 'frame_1', 'completed'].map((name) => `msg_${story.id}_${name}`) }
}

test('nothing is enqueued without a webhook, or for an event that was not asked for', async () => {
  const silent = await queued(0)
  const picky = await inLane(0, { webhook_events_filter: ['frame', 'start'] })
  for (const { id } of [silent, picky]) await cancel(db, id, apiKeyId, 1)
  assert.deepEqual(await db.select().from(deliveries), [])
})

test('the lane of a message is its key and the scheme and host of its URL', async () => {
  for (const [webhook, origin] of [
    ['https://a.example', 'https://a.example'],
    ['https://a.example/x/y?z', 'https://a.example'],
    ['http://h/', 'http://h'],
    ['http://127.0.0.1:99/hook', 'http://127.0.0.1:99'],
  ] as const) {
    const { id } = await queued(0, { webhook })
    await cancel(db, id, apiKeyId, 1)
    assert.equal((await read(`msg_${id}_completed`)).origin, origin)
    assert.deepEqual(await dueLanes(db, 1, [id]), [{ apiKeyId, origin }])
  }
  assert.deepEqual(await dueLanes(db, 0), [])
})

test('senders share out what is due in their lane, each message to one of them', async () => {
  const { lane } = await enqueuedOne(10)
  const others = await Promise.all(Array.from({ length: 8 }, () => queued(10, { webhook: `${lane.origin}/other` })))
  for (const { id } of others) await cancel(db, id, apiKeyId, 10)
  const race = Array.from({ length: 4 }, () => takeDue(db, lane, { now: 10, holdMs: 100, limit: 4 }))
  const taken = (await Promise.all(race)).flat()
  assert.equal(taken.length, 9)
  assert.equal(new Set(taken.map((row) => row.id)).size, 9)
  assert.equal(await nextDue(db, lane), 110)
  for (const row of taken) await settle(db, row, accepted, { now: 11, random: 0 })
  assert.equal(await nextDue(db, lane), undefined)
})

test('a sender that dies is followed by another, and cannot undo what that one achieved', async () => {
  const { message, take } = await enqueuedOne(20)
  const [first] = await take(20)
  assert.deepEqual(await take(119), [])
  const [second] = await take(120)
  assert.deepEqual([first?.attempts, second?.attempts, second?.id], [1, 2, message])
  await settle(db, second!, accepted, { now: 121, random: 0 })
  await settle(db, first!, refused, { now: 122, random: 0 })
  const { status, deliveredAt, nextAttemptAt } = await read(message)
  assert.deepEqual([status, deliveredAt, nextAttemptAt], ['delivered', 121, null])
})

test('a refused message is tried for three days, with growing pauses of ±20 %, and given up in the end', async () => {
  for (const [random, factor] of [
    [0, 0.8],
    [0.5, 1],
  ] as const) {
    const { message, take } = await enqueuedOne(0)
    const pauses: (number | null)[] = []
    for (let now = 0; ; ) {
      const [row] = await take(now)
      assert.equal(row?.id, message)
      await settle(db, row!, refused, { now, random })
      const { nextAttemptAt } = await read(message)
      pauses.push(nextAttemptAt === null ? null : nextAttemptAt - now)
      if (nextAttemptAt === null) break
      now = nextAttemptAt
    }
    const schedule = [5_000, 30_000, 300_000, HOUR / 2, 2 * HOUR, 5 * HOUR, 10 * HOUR, 24 * HOUR, 24 * HOUR]
    assert.deepEqual(pauses, [...schedule.map((pause) => pause * factor), null])
    const { status, attempts, lastStatus, lastError } = await read(message)
    assert.deepEqual([status, attempts, lastStatus, lastError], ['failed', 10, 500, 'answered no 2xx'])
    assert.equal((await db.select().from(webhookAttempts).where(eq(webhookAttempts.deliveryId, message))).length, 10)
  }
})

test('Retry-After makes a pause longer, never shorter, and a day at most', async () => {
  for (const [retryAfterMs, pause] of [
    [0, 4_000],
    [60_000, 60_000],
    [90 * HOUR, 24 * HOUR],
  ] as const) {
    const { message, take } = await enqueuedOne(0)
    await settle(db, (await take(0))[0]!, { ...refused, retryAfterMs }, { now: 0, random: 0 })
    assert.equal((await read(message)).nextAttemptAt, pause)
  }
})

test('messages of a story go one by one, in order', async () => {
  const { messages, take } = await enqueuedFour(0)
  for (const [n, message] of messages.entries()) {
    const taken = await take(n, 9)
    assert.deepEqual(
      taken.map((row) => [row.id, row.sequence]),
      [[message, n + 1]],
    )
    await settle(db, taken[0]!, accepted, { now: n, random: 0 })
  }
  assert.deepEqual(await take(HOUR, 9), [])
})

test('what it takes to enqueue a message, and to settle it, does not grow with those of the story that are settled', async () => {
  const { id, take } = await inLane(0, { webhook_events_filter: ['progress'] })
  const rowsRead: number[] = []
  const recorded = openDb(
    new Proxy(DB, {
      get: (d1, key: keyof D1Database) =>
        key === 'batch'
          ? async (statements: D1PreparedStatement[]) => {
              const results = await d1.batch(statements)
              rowsRead.push(results.reduce((sum, { meta }) => sum + meta.rows_read, 0))
              return results
            }
          : d1[key],
    }),
  )
  const row = eq(stories.id, id)
  async function one(n: number): Promise<number> {
    rowsRead.length = 0
    await recorded.batch([enqueueWebhook(recorded, 'story.progress', row, n * 1000, sql`${n}`)])
    const [message] = await take(n * 1000)
    await settle(recorded, message!, accepted, { now: n * 1000, random: 0 })
    return rowsRead.reduce((sum, rows) => sum + rows)
  }
  const early = await one(1)
  for (let n = 2; n <= 60; n++) await one(n)
  // Up to `LATEST` messages are looked through for a recent one of the same type.
  assert.ok((await one(61)) <= early + 2 * 20, `${early} rows at first, ${rowsRead} at last`)
})

test('a message that is refused holds the next ones back, but not for ever', async () => {
  const { messages, take } = await enqueuedFour(0)
  let now = 0
  for (let tries = 1; tries <= GIVE_WAY_AFTER; tries++) {
    const [row, ...more] = await take(now, 9)
    assert.deepEqual([row?.id, more], [messages[0], []])
    await settle(db, row!, refused, { now, random: 0 })
    now = (await read(messages[0]!)).nextAttemptAt ?? now
  }
  const { status, lastError } = await read(messages[0]!)
  assert.deepEqual([status, lastError], ['failed', 'answered no 2xx; given up for a later message of the story'])
  assert.equal((await take(now))[0]?.id, messages[1])
})

test('what has long been refused does not hold back a message that comes later, and is not tried again', async () => {
  const story = await inLane(0)
  await take(story.model, 'late', 0, 10)
  await markStarted(db, { messageId: 'late', storyId: story.id, leaseToken: 'late', sequence: 1, now: 0 })
  const start = `msg_${story.id}_start`
  let now = 0
  for (let tries = 1; tries <= GIVE_WAY_AFTER; tries++) {
    await settle(db, (await story.take(now))[0]!, refused, { now, random: 0 })
    now = (await read(start)).nextAttemptAt!
  }
  await db.update(stories).set({ status: 'queued' }).where(eq(stories.id, story.id))
  await cancel(db, story.id, apiKeyId, now - 1)
  const [end] = await story.take(now - 1)
  assert.equal(end?.type, 'story.canceled')
  const [again] = await story.take(now)
  assert.deepEqual([again?.id, await gaveWay(db, again!), await gaveWay(db, end!)], [start, true, false])
})

test('a message keeps its body, and knows where it goes and what signs it', async () => {
  const { id, message, lane } = await enqueuedOne(0)
  await keepBody(db, message, '{}')
  assert.equal((await read(message)).body, '{}')
  const endpoint = await endpointOf(db, id, 0)
  assert.deepEqual([endpoint?.url, endpoint?.goneSince], [`${lane.origin}/hook`, null])
  await rotateSecret(db, apiKeyId, 'whsec_new', 10)
  assert.deepEqual((await endpointOf(db, id, 9))?.secrets, ['whsec_new', ...endpoint!.secrets])
  assert.deepEqual((await endpointOf(db, id, 10))?.secrets, ['whsec_new'])
  assert.equal(await endpointOf(db, 'none', 0), undefined)
})

test('a story that is deleted while its webhook is being sent takes the message along, and the sender notes nothing', async () => {
  const { id, message, take } = await enqueuedOne(0)
  const [row] = await take(0)
  await removeContent(db, [id], 1)
  await settle(db, row!, accepted, { now: 2, random: 0 })
  assert.equal(await read(message), undefined)
  assert.deepEqual(await db.select().from(webhookAttempts).where(eq(webhookAttempts.deliveryId, message)), [])
})
