/** Which runner gets which story: what it can read, what it has failed with, and whether it is set aside. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eq } from 'drizzle-orm'
import { StoryRequest } from '../../../contract/story.ts'
import { randomBytes, testD1 } from '../../../test/d1.ts'
import { drawingAbilities } from '../../../test/drawing-model.ts'
import { insertApiKey } from '../keys/api-keys.ts'
import { newApiKey } from '../keys/new-key.ts'
import { claim } from '../queue/claim.ts'
import { complete } from '../queue/complete.ts'
import { enqueue, newStory } from '../queue/enqueue.ts'
import { releaseLease } from '../queue/lease.ts'
import { fail } from '../queue/report.ts'
import { AVOID_MS } from '../queue/transitions.ts'
import { stories } from '../schema/stories.ts'
import { insertFrame } from '../stories/frames.ts'
import { announceRunner, dismissRunner } from './announce.ts'
import { SET_ASIDE_MS } from './blame.ts'
import { announcedModels, listRunners, PRESENT_MS } from './list.ts'

const { db, queued } = await testD1()
const plain = StoryRequest.parse({ frames: [{ prompt: 'one' }, { prompt: 'two' }] })
let count = 0

async function taken(model: string, runner: string, now: number, protocol?: number) {
  const leaseTokens = [`lease-${++count}`]
  const options = { model, runner, leaseTokens, leaseMs: 1e6, ...(protocol && { protocol }) }
  const { claimed, setAsideUntil } = await claim(db, options, now)
  return { story: claimed[0], setAsideUntil }
}

const announced = (runner: string, model: string, now: number, protocol = 2) =>
  announceRunner(db, { runner, protocol, model: { name: model, abilities: drawingAbilities } }, now)

/** The story that `runner` holds ends badly. */
async function failed(held: { id: string; leaseToken: string | null }, now: number, code = 'runner_failed') {
  const origin = { messageId: `m-${++count}`, storyId: held.id, leaseToken: held.leaseToken!, sequence: 1, now }
  await fail(db, origin, { code, message: 'no' }, code !== 'invalid_story', 0)
  const [row] = await db.select().from(stories).where(eq(stories.id, held.id))
  return row!
}

/** A story of a key of its own. */
async function ofAnotherKey(model: string) {
  const { row } = await newApiKey('other', { now: () => 0, randomBytes })
  await insertApiKey(db, row)
  const id = `other-${++count}`
  await enqueue(
    db,
    newStory({ id, apiKeyId: row.id, request: plain, model, seed: 1, origin: 'https://e.example' }, 0),
    0,
  )
  return id
}

test('a runner gets no story that needs a later protocol than it speaks; others of the key go on', async () => {
  const { id: later, model } = await queued(0)
  await db.update(stories).set({ protocol: 3 }).where(eq(stories.id, later))
  const { id: plain } = await queued(1, {}, model)
  assert.equal((await taken(model, 'old', 2, 2)).story?.id, plain)
  assert.equal((await taken(model, 'old', 2, 2)).story, undefined)
  const other = await ofAnotherKey(model)
  assert.equal((await taken(model, 'old', 2, 2)).story?.id, other, 'a key whose turn it is does not block the next')
  assert.equal((await taken(model, 'new', 2, 3)).story?.id, later)
})

test('a story that a runner could not read goes to another, and to the same one only much later', async () => {
  const { id, model } = await queued(0)
  const { story } = await taken(model, 'a', 0)
  assert.equal(await releaseLease(db, id, story!.leaseToken!, 0, 'unreadable'), 'queued')
  assert.equal((await taken(model, 'a', 1)).story, undefined)
  const again = await taken(model, 'b', 1)
  assert.equal(again.story?.id, id)
  await releaseLease(db, id, again.story!.leaseToken!, 1, 'unreadable')
  assert.equal((await taken(model, 'b', AVOID_MS)).story, undefined)
  assert.equal((await taken(model, 'b', 1 + AVOID_MS)).story?.id, id)
})

test('numbers that are not finite are tried once more elsewhere, and are the story’s fault then', async () => {
  const { model } = await queued(0)
  const first = await failed((await taken(model, 'a', 0)).story!, 0, 'not_finite')
  assert.deepEqual([first.status, first.avoidRunner], ['queued', 'a'])
  await db.update(stories).set({ ready: true }).where(eq(stories.id, first.id))
  assert.equal((await taken(model, 'a', 10)).story, undefined)
  const second = await failed((await taken(model, 'b', 10)).story!, 10, 'not_finite')
  assert.deepEqual([second.status, second.deadLetter, second.error?.code], ['failed', false, 'invalid_story'])
})

test('a runner on which stories of three keys go wrong in a row is set aside, and comes back', async () => {
  const model = 'blamed'
  assert.equal(await announced('bad', model, 0), null)
  await queued(0, {}, model)
  await queued(0, {}, model)
  await failed((await taken(model, 'bad', 0)).story!, 0)
  await failed((await taken(model, 'bad', 0)).story!, 0, 'invalid_story')
  await ofAnotherKey(model)
  await failed((await taken(model, 'bad', 0)).story!, 0)
  assert.equal(await announced('bad', model, 1), null, 'two keys, however many stories')
  await ofAnotherKey(model)
  await failed((await taken(model, 'bad', 1)).story!, 1)
  assert.equal(await announced('bad', model, 2), 1 + SET_ASIDE_MS)
  const id = await ofAnotherKey(model)
  assert.deepEqual(await taken(model, 'bad', 2), { story: undefined, setAsideUntil: 1 + SET_ASIDE_MS })
  const back = 2 + SET_ASIDE_MS
  assert.equal((await taken(model, 'bad', back)).story?.id, id)
  assert.equal(await announced('bad', model, back), null)
})

test('a story that goes well clears the runner of what went wrong before', async () => {
  const model = 'cleared'
  await announced('fair', model, 0)
  for (let i = 0; i < 2; i++) {
    await ofAnotherKey(model)
    await failed((await taken(model, 'fair', 0)).story!, 0)
  }
  await ofAnotherKey(model)
  const { story } = await taken(model, 'fair', 0)
  const [held, leaseToken] = [story!.id, story!.leaseToken!]
  for (const index of [0, 1]) {
    const frame = { index, key: `k${index}`, sha256: 'x', width: 1, height: 1, seed: 1 }
    await insertFrame(db, held, leaseToken, frame, 0)
  }
  assert.equal((await complete(db, [{ messageId: 'done', storyId: held, leaseToken }], 0)).size, 1)
  await ofAnotherKey(model)
  await failed((await taken(model, 'fair', 0)).story!, 0)
  assert.equal(await announced('fair', model, 1), null)
})

test('a machine that says it is broken is blamed, one that stops is not', async () => {
  const model = 'broken'
  for (const name of ['broken', 'stopping'] as const) {
    await announced(name, model, 0)
    for (let i = 0; i < 3; i++) {
      await ofAnotherKey(model)
      const { story } = await taken(model, name, 0)
      await releaseLease(db, story!.id, story!.leaseToken!, 0, name)
    }
  }
  const until = Object.fromEntries((await listRunners(db)).map((runner) => [runner.name, runner.setAsideUntil]))
  assert.deepEqual([until.broken, until.stopping], [SET_ASIDE_MS, null])
})

test('models are known by the runners that announced them, and whether any is there', async () => {
  const now = 1e9
  await announced('one', 'seen', now)
  await announced('two', 'seen', now + 1)
  await announced('three', 'left', now)
  await dismissRunner(db, 'three', now + 5)
  const at = async (time: number) =>
    Object.fromEntries(
      (await announcedModels(db, time)).map((model) => [model.name, [model.present, model.lastSeenAt]]),
    )
  assert.deepEqual((await at(now + 10)).seen, [2, now + 1])
  assert.deepEqual((await at(now + 10)).left, [0, now])
  assert.deepEqual((await at(now + 1 + PRESENT_MS)).seen, [0, now + 1])
  await announced('three', 'left', now + 20)
  assert.deepEqual((await at(now + 21)).left, [1, now + 20])
})
