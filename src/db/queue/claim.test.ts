/** Who gets a runner next: fairness between keys, caps, priorities, and what that costs. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { D1Database } from '@cloudflare/workers-types'
import { eq } from 'drizzle-orm'
import { StoryRequest } from '../../../contract/story.ts'
import { randomBytes, testD1 } from '../../../test/d1.ts'
import { openDb } from '../client.ts'
import { insertApiKey } from '../keys/api-keys.ts'
import { newApiKey } from '../keys/new-key.ts'
import { apiKeys } from '../schema/keys.ts'
import { queueShares } from '../schema/queue.ts'
import { stories } from '../schema/stories.ts'
import { claimReady } from './claim.ts'
import { complete } from './complete.ts'
import { enqueue, newStory } from './enqueue.ts'
import { releaseLease } from './lease.ts'
import { dueStories, sweep } from './sweep.ts'

const { DB, db, queued, take } = await testD1()
const request = StoryRequest.parse({ frames: [{ prompt: 'one' }] })
let count = 0

async function newKey(about: Partial<typeof apiKeys.$inferInsert> = {}): Promise<string> {
  const { row } = await newApiKey('tests', { now: () => 0, randomBytes })
  await insertApiKey(db, { ...row, ...about })
  return row.id
}

/** `number` stories of a key, the first at time `now`. */
async function fill(apiKeyId: string, model: string, number: number, now = 0, about: Partial<StoryRequest> = {}) {
  const ids: string[] = []
  for (let n = 0; n < number; n++) {
    const id = `s${String(++count).padStart(5, '0')}`
    const story = { id, apiKeyId, request: { ...request, ...about }, model, seed: 1, origin: 'https://e.example' }
    await enqueue(db, newStory(story, now + n), now + n)
    ids.push(id)
  }
  return ids
}

/** Claim up to `number` stories at once, and answer whose they are. */
async function serve(model: string, number: number, now = 1000) {
  const leaseTokens = Array.from({ length: number }, () => `token-${++count}`)
  const { claimed } = await claimReady(db, { model, runner: 'r', leaseTokens, leaseMs: 100_000 }, now)
  return claimed
}

const keysOf = (claimed: { apiKeyId: string }[]) => claimed.map((story) => story.apiKeyId)
const tally = (claimed: { apiKeyId: string }[]) => {
  const counts = new Map<string, number>()
  for (const key of keysOf(claimed)) counts.set(key, (counts.get(key) ?? 0) + 1)
  return counts
}

/** The counters that the triggers keep, and what there is to count. */
async function countersAgree() {
  const { results } = await DB.prepare(
    `SELECT k.id FROM api_keys k WHERE running <> (SELECT count(*) FROM stories WHERE api_key_id = k.id AND status = 'running')
       OR queued <> (SELECT count(*) FROM stories WHERE api_key_id = k.id AND status = 'queued')
     UNION ALL SELECT model FROM queue_shares q WHERE ready <> (SELECT count(*) FROM stories s
       WHERE s.model = q.model AND s.api_key_id = q.api_key_id AND s.ready = 1 AND s.status = 'queued')`,
  ).all()
  assert.deepEqual(results, [])
}

test('keys are served by their weight, whoever came first and however much they ask for', async () => {
  const [big, three, one] = [await newKey(), await newKey({ weight: 3 }), await newKey()]
  await fill(big, 'm1', 60)
  assert.deepEqual(tally(await serve('m1', 10)), new Map([[big, 10]]))
  await fill(three, 'm1', 30)
  await fill(one, 'm1', 30)
  const claimed = await serve('m1', 25)
  const counts = tally(claimed)
  assert.deepEqual([counts.get(three), counts.get(big), counts.get(one)], [15, 5, 5])
  // A key that has just come does not wait for more than one story of each other key.
  assert.ok(keysOf(claimed).indexOf(one) <= 2 && keysOf(claimed).indexOf(three) <= 2, keysOf(claimed).join())
  await countersAgree()
})

test('a key that was idle or at its cap cannot catch up on what it did not get', async () => {
  const [steady, returning, capped] = [await newKey(), await newKey(), await newKey({ maxRunning: 1 })]
  await fill(returning, 'm2', 1)
  await fill(capped, 'm2', 40)
  assert.deepEqual(new Set(keysOf(await serve('m2', 5))), new Set([returning, capped]))
  await fill(steady, 'm2', 60)
  assert.deepEqual(tally(await serve('m2', 20)), new Map([[steady, 20]]))
  await db.update(apiKeys).set({ maxRunning: 100 }).where(eq(apiKeys.id, capped))
  await fill(returning, 'm2', 40)
  const counts = tally(await serve('m2', 30))
  for (const key of [steady, returning, capped]) assert.ok(Math.abs(counts.get(key)! - 10) <= 1, `${counts.get(key)}`)
})

test('caps are exact, whoever claims at the same time, and a story that ends makes room for one', async () => {
  const key = await newKey({ maxRunning: 3 })
  await fill(key, 'm3', 20)
  await fill(key, 'm4', 20)
  const claimed = (await Promise.all(Array.from({ length: 8 }, (_, n) => serve(n % 2 ? 'm3' : 'm4', 2)))).flat()
  assert.equal(claimed.length, 3)
  const [first, second] = claimed
  await releaseLease(db, first!.id, first!.leaseToken!, 1001)
  assert.equal((await serve('m3', 5)).length, 1)
  await db.update(stories).set({ frameCount: 0 }).where(eq(stories.id, second!.id))
  await complete(db, [{ messageId: 'e1', storyId: second!.id, leaseToken: second!.leaseToken! }], 1002)
  assert.equal((await serve('m4', 5)).length, 1)
  await countersAgree()
})

test('within a key priorities go first, then age; other keys do not feel them', async () => {
  const [a, b] = [await newKey(), await newKey()]
  const [low] = await fill(a, 'm5', 1, 0, { priority: 'low' })
  const [older, newer] = await fill(a, 'm5', 2, 10)
  const [high] = await fill(a, 'm5', 1, 20, { priority: 'high' })
  await fill(b, 'm5', 4, 30, { priority: 'low' })
  const claimed = await serve('m5', 8)
  assert.deepEqual(
    claimed.filter((story) => story.apiKeyId === a).map((story) => story.id),
    [high, older, newer, low],
  )
  assert.equal(
    keysOf(claimed)
      .slice(0, 4)
      .filter((key) => key === b).length,
    2,
  )
})

test('a story that is due later blocks neither its key nor others', async () => {
  const [a, b] = [await newKey(), await newKey()]
  const [later, now] = await fill(a, 'm6', 2)
  await db.update(stories).set({ ready: false, claimableAt: 5000 }).where(eq(stories.id, later!))
  await fill(b, 'm6', 1)
  const claimed = await serve('m6', 5)
  assert.deepEqual(new Set(claimed.map((story) => story.apiKeyId)), new Set([a, b]))
  assert.ok(claimed.some((story) => story.id === now) && !claimed.some((story) => story.id === later))
  assert.equal(await take('m6', 'early', 4999), undefined)
  assert.equal((await take('m6', 'on time', 5000))?.id, later)
  await countersAgree()
})

test('a batch claims each story once, under a token of its own', async () => {
  const key = await newKey()
  const ids = await fill(key, 'm7', 30)
  const batches = await Promise.all(Array.from({ length: 6 }, () => serve('m7', 7)))
  const claimed = batches.flat()
  assert.deepEqual(claimed.map((story) => story.id).sort(), ids)
  assert.equal(new Set(claimed.map((story) => story.leaseToken)).size, 30)
})

test('a batch of completions ends the stories whose lease and frames are right, and no others', async () => {
  const key = await newKey()
  await fill(key, 'm8', 4)
  await db.update(stories).set({ frameCount: 0 }).where(eq(stories.model, 'm8'))
  const [a, b, c, d] = await serve('m8', 4)
  await db.update(stories).set({ frameCount: 1 }).where(eq(stories.id, d!.id))
  const events = [
    { messageId: 'a', storyId: a!.id, leaseToken: a!.leaseToken! },
    { messageId: 'stale', storyId: b!.id, leaseToken: 'no such token' },
    { messageId: 'mixed up', storyId: b!.id, leaseToken: c!.leaseToken! },
    { messageId: 'frames missing', storyId: d!.id, leaseToken: d!.leaseToken! },
  ]
  assert.deepEqual(await complete(db, events, 2000), new Set(['a']))
  const { results } = await DB.prepare("SELECT id, status FROM stories WHERE model = 'm8' ORDER BY id").all()
  assert.deepEqual(
    results.map((row) => row.status),
    [a, b, c, d].map((story) => (story === a ? 'succeeded' : 'running')),
  )
})

test('stories that are deleted, and those of a model nobody serves, are counted right', async () => {
  const key = await newKey()
  const [id] = await fill(key, 'm9', 2)
  await db.delete(stories).where(eq(stories.id, id!))
  assert.equal((await serve('m9', 5)).length, 1)
  assert.equal((await serve('no such model', 5)).length, 0)
  const [share] = await db.select().from(queueShares).where(eq(queueShares.model, 'm9'))
  assert.equal(share?.ready, 0)
  await countersAgree()
})

test('claiming, sweeping and completing search indexes only, so their cost does not grow with the queue', async () => {
  await queued(0)
  const queries: string[] = []
  const prepare = (sql: string) => {
    queries.push(sql)
    return DB.prepare(sql)
  }
  const recorded = openDb(
    new Proxy(DB, { get: (d1, key: keyof D1Database) => (key === 'prepare' ? prepare : d1[key]) }),
  )
  await claimReady(recorded, { model: 'none', runner: 'a', leaseTokens: ['a', 'b'], leaseMs: 1 }, 0)
  await dueStories(recorded, 0)
  await sweep(recorded, ['none'], 0)
  await complete(recorded, [{ messageId: 'none', storyId: 'none', leaseToken: 'none' }], 0)
  assert.equal(queries.length, 4 + 1 + 8 + 8)
  const trigger = await DB.prepare("SELECT sql FROM sqlite_schema WHERE name = 'claims_claim'").first<string>('sql')
  const [, pick] = /BEGIN(.*);\s*END/s.exec(trigger ?? '') ?? []
  queries.push(pick!.replaceAll(/NEW\.`\w+`/g, '?'))
  const used = new Set<string>()
  for (const sql of queries) {
    const parameters = Array(sql.split('?').length - 1).fill(0)
    const { results } = await DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...parameters)
      .all<{ detail: string }>()
    const plan = results.map((row) => row.detail).join('; ')
    for (const [, index] of plan.matchAll(/SEARCH \w+ USING (?:COVERING )?INDEX (\w+) \(/g)) used.add(index!)
    // The union of what is due compares at most SWEEP_LIMIT ids with each other, and a subquery with a limit yields 50 rows.
    const ours = plan.replaceAll(/SCAN (?:(json_each|token) VIRTUAL TABLE[^;]*|\(subquery-1\))/g, '')
    assert.doesNotMatch(ours, /SCAN (?!CONSTANT)|FOR ORDER BY/, `${plan}\n${sql}`)
  }
  for (const index of ['stories_ready', 'queue_shares_next', 'stories_due', 'stories_start_by', 'stories_lease'])
    assert.ok(used.has(index), `${index} is not among ${[...used].join()}`)
})
