/** The place of a story in the queue and how long it will take: predicted, and compared with what then happens. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRequest } from '../../../contract/story.ts'
import { randomBytes, testD1 } from '../../../test/d1.ts'
import { insertApiKey } from '../keys/api-keys.ts'
import { newApiKey } from '../keys/new-key.ts'
import { findStoryInQueue } from '../stories/stories.ts'
import { claimReady } from './claim.ts'
import { enqueue, newStory } from './enqueue.ts'
import { EXACT_AHEAD, estimate, etaOf, type Outlook, outlookOf, outlookQueries, type Past } from './outlook.ts'

const { DB, db, take, queued } = await testD1()
let count = 0

async function newKey(about: { weight?: number } = {}): Promise<string> {
  const { row } = await newApiKey('tests', { now: () => 0, randomBytes })
  await insertApiKey(db, { ...row, ...about })
  return row.id
}

async function fill(apiKeyId: string, model: string, priorities: StoryRequest['priority'][]): Promise<string[]> {
  const ids: string[] = []
  for (const [n, priority] of priorities.entries()) {
    const request = StoryRequest.parse({ frames: [{ prompt: 'one' }], priority })
    const story = { id: `o${String(++count).padStart(5, '0')}`, apiKeyId, request, model, seed: 1 }
    await enqueue(db, newStory({ ...story, origin: 'https://e.example' }, n), n)
    ids.push(story.id)
  }
  return ids
}

const normal = (n: number) => Array<'normal'>(n).fill('normal')
const positionOf = async (id: string) => (await findStoryInQueue(db, id))?.outlook.ahead?.count

test('stories are claimed in the order that their positions predicted, whatever weights and priorities', async () => {
  const model = 'fair'
  const [plain, heavy, late] = [await newKey(), await newKey({ weight: 3 }), await newKey({ weight: 0.5 })]
  await fill(plain, model, normal(2))
  for (const token of ['w1', 'w2']) await take(model, token, 10)
  const ids = [
    ...(await fill(plain, model, ['normal', 'low', 'normal', 'high', 'normal'])),
    ...(await fill(heavy, model, normal(7))),
    ...(await fill(late, model, ['low', 'high', 'normal'])),
  ]
  const predicted = new Map<string, number>()
  for (const id of ids) predicted.set(id, (await positionOf(id))!)
  const claimed: string[] = []
  for (const [n] of ids.entries()) claimed.push((await take(model, `t${n}`, 20))!.id)
  // Where two keys come to the same pass at once, either may be first.
  for (const [place, id] of claimed.entries())
    assert.ok(Math.abs(predicted.get(id)! - place) <= 2, `${id} was predicted ${predicted.get(id)} and came ${place}`)
  assert.equal(predicted.get(claimed[0]!), 0)
  for (const key of [0, 1, 2]) {
    const own = ids.filter((_, i) => (i < 5 ? 0 : i < 12 ? 1 : 2) === key)
    const inOrder = claimed.filter((id) => own.includes(id)).map((id) => predicted.get(id)!)
    assert.deepEqual(
      inOrder,
      inOrder.toSorted((a, b) => a - b),
    )
  }
})

test('only who waits has a position: not a story that runs, that pauses, or that has ended', async () => {
  const { id, model } = await queued()
  assert.equal(await positionOf(id), 0)
  await take(model, 'runs', 10)
  assert.equal(await positionOf(id), undefined)
  assert.equal(await findStoryInQueue(db, 'nobody'), undefined)
})

test('a place far back is a lower bound', async () => {
  const apiKeyId = await newKey()
  const [first] = await fill(apiKeyId, 'long', ['low'])
  await DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO stories (id, api_key_id, request, model, seed, origin, frame_count, status, priority, claimable_at, created_at)
     SELECT 'bulk' || i, api_key_id, request, model, seed, origin, 1, 'queued', 0, i, i FROM stories, n WHERE id = ?`,
  )
    .bind(EXACT_AHEAD + 50, first)
    .run()
  assert.deepEqual((await findStoryInQueue(db, first!))?.outlook.ahead, { count: EXACT_AHEAD + 1, atLeast: true })
  assert.deepEqual((await findStoryInQueue(db, 'bulk7'))?.outlook.ahead, { count: 6, atLeast: false })
})

test('no part of it reads more than it may: every step is an index search', async () => {
  const plans: string[] = []
  for (const query of outlookQueries(db, 'x')) {
    const { sql, params } = query.toSQL()
    const { results } = await DB.prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .bind(...params)
      .all<{ detail: string }>()
    for (const { detail } of results)
      assert.doesNotMatch(detail, /^SCAN (?!\(subquery|CONSTANT)|TEMP B-TREE/, `${detail} in ${sql}`)
    plans.push(...results.map(({ detail }) => detail))
  }
  // The count ends at the story.
  assert.ok(
    plans.some((plan) => /stories_ready \(.*priority=\? AND claimable_at</.test(plan)),
    plans.join('\n'),
  )
  assert.ok(
    plans.some((plan) => /COVERING INDEX stories_history \(model=/.test(plan)),
    plans.join('\n'),
  )
})

const past = (from: number, seconds: number, frameCount = 2): Past => {
  return { startedAt: from * 1000, completedAt: (from + seconds) * 1000, frameCount }
}
const story = { status: 'queued', frameCount: 4, progress: null } as const

test('times follow the history: frames generated, what waits ahead over the runners at work, and progress', () => {
  // One runner, ten stories of two frames, 8 s each but the last.
  const history = [...Array.from({ length: 9 }, (_, i) => past(8 * i, 8)), past(72, 18)]
  const outlook = (ahead: number): Outlook => ({ ahead: { count: ahead, atLeast: false }, served: true, history })
  assert.deepEqual(etaOf(story, outlook(0)), { p50: 16, p90: 36 })
  // The mean is 9 s and the deviation 3 s: 10 stories take 90 s, and less than 90 + 1.28·3·√10 nine times of ten.
  assert.deepEqual(etaOf(story, outlook(10)), { p50: 106, p90: Math.ceil(36 + 90 + 1.28 * 3 * Math.sqrt(10)) })
  // The same by two runners at a time.
  const two = history.flatMap((one) => [one, one])
  assert.equal(etaOf(story, { ...outlook(10), history: two })?.p50, 61)
  const progress = { stage: 'sampling', step: 3, steps: 4, fraction: 0.75 } as const
  assert.deepEqual(etaOf({ ...story, status: 'running', progress }, outlook(0)), { p50: 4, p90: 9 })
  assert.equal(etaOf({ ...story, status: 'succeeded' }, outlook(0)), null)
  assert.equal(etaOf(story, { ...outlook(0), served: false }), null, 'nobody is there to take it up')
  assert.equal(etaOf(story, { ahead: null, served: true, history: [] }), null)
})

test('the history is that of the model, of stories that went well at the first attempt', async () => {
  const { id, model } = await queued()
  await queued(1, {}, model)
  assert.equal(await estimate(db, model, 3), null)
  await take(model, 'goes well', 10)
  await DB.prepare(
    `UPDATE stories SET status = 'succeeded', attempt = 1, started_at = 0, completed_at = 5000 WHERE id = ?`,
  )
    .bind(id)
    .run()
  assert.deepEqual(await estimate(db, model, 4), { p50: 10, p90: 10 })
  await DB.prepare(`UPDATE stories SET attempt = 2 WHERE id = ?`).bind(id).run()
  assert.equal(await estimate(db, model, 4), null)
})

test('who is served meanwhile only ever brings a story forward', async () => {
  const [a, b, model] = [await newKey(), await newKey(), 'forward']
  const mine = await fill(a, model, normal(4))
  await fill(b, model, normal(6))
  let before = await positionOf(mine[3]!)
  for (let n = 0; before !== undefined; n++) {
    await claimReady(db, { model, runner: 'r', leaseTokens: [`forward${n}`], leaseMs: 1e6 }, 50)
    const now = await positionOf(mine[3]!)
    assert.ok(now === undefined || now < before!, `${now} after ${before}`)
    before = now
  }
})

test('what is read of no story at all says nothing', () => {
  assert.deepEqual(outlookOf([], [], []), { ahead: null, served: true, history: [] })
})
