/** What is changed of a key counts at once for the stories that it has waiting. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRequest } from '../../../contract/story.ts'
import { randomBytes, testD1 } from '../../../test/d1.ts'
import { enqueue, newStory } from '../queue/enqueue.ts'
import { insertApiKey, type KeyChanges, updateApiKey } from './api-keys.ts'
import { newApiKey } from './new-key.ts'

const { db, take } = await testD1()
const request = StoryRequest.parse({ frames: [{ prompt: 'one' }] })

/** A key with `count` stories that are ready for `model`. */
async function keyWith(model: string, count: number, limits: KeyChanges): Promise<string> {
  const { row } = await newApiKey(model, { now: () => 0, randomBytes }, limits)
  await insertApiKey(db, row)
  for (let i = 0; i < count; i++) {
    const story = { id: `${row.id}-${i}`, apiKeyId: row.id, request, model, seed: 7, origin: 'https://edge.example' }
    await enqueue(db, newStory(story, 0), 0)
  }
  return row.id
}

const by = { actor: 'key_operator', requestId: 'req_test' }
let leases = 0
/** Whose stories are claimed next, as letters. */
async function turns(model: string, count: number, names: Record<string, string>): Promise<string> {
  let order = ''
  for (let i = 0; i < count; i++) {
    const story = await take(model, `${model}-${++leases}`, 1, 1e6)
    order += story ? names[story.apiKeyId] : '-'
  }
  return order
}

test('a key that is given a larger weight does not sit out the stride of its old one', async () => {
  const model = 'weights'
  const [a, b] = [await keyWith(model, 30, {}), await keyWith(model, 30, { weight: 0.01 })]
  const names = { [a]: 'a', [b]: 'b' }
  const first = await turns(model, 6, names)
  assert.equal([...first].filter((name) => name === 'b').length, 1, 'served once, then it waits for a hundred others')
  assert.equal((await updateApiKey(db, b, { weight: 2 }, by, 0))?.weight, 2)
  const next = await turns(model, 12, names)
  const served = [...next].filter((name) => name === 'b').length
  assert.ok(served >= 7 && served <= 9, next)
  await updateApiKey(db, b, { maxQueued: 5 }, by, 0)
  const unmoved = [...(await turns(model, 12, names))].filter((name) => name === 'b').length
  assert.ok(unmoved >= 7 && unmoved <= 9, 'other changes leave the turns alone')
})

test('a cap on what runs is felt by the next claim, up and down; a key that is not there changes nothing', async () => {
  const model = 'caps'
  const a = await keyWith(model, 9, { maxRunning: 1 })
  const names = { [a]: 'a' }
  assert.equal(await turns(model, 2, names), 'a-')
  await updateApiKey(db, a, { maxRunning: 3 }, by, 0)
  assert.equal(await turns(model, 3, names), 'aa-')
  await updateApiKey(db, a, { maxRunning: 2 }, by, 0)
  assert.equal(await turns(model, 1, names), '-')
  assert.equal(await updateApiKey(db, 'key_none', { weight: 3, maxRunning: 9 }, by, 0), undefined)
  assert.equal(await turns(model, 1, names), '-')
})
