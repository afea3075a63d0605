import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryRoom } from './story-room.ts'

/** A room whose followers are counted as they wake. */
function opened() {
  const room = new StoryRoom()
  const woken: string[] = []
  const get = async (story: string, ticket: string, ms: number) =>
    (await room.fetch(new Request(`https://room/?${new URLSearchParams({ story, ticket, ms: String(ms) })}`))).text()
  return {
    woken,
    get,
    change: (...ids: string[]) =>
      room.fetch(new Request('https://room/', { method: 'POST', body: JSON.stringify(ids) })),
    /** So many followers that know the present state, all waiting when this resolves. */
    async follow(story: string, count: number) {
      const ticket = await get(story, '', 0)
      const waiting = Array.from({ length: count }, async () => {
        const next = await get(story, ticket, 30_000)
        woken.push(story)
        assert.notEqual(next, ticket)
      })
      await new Promise(setImmediate)
      return waiting
    },
  }
}

test('a change wakes all 500 followers of its story, once each and before anything else, and nobody else', async () => {
  const { woken, change, follow } = opened()
  const [ones, others] = [await follow('one', 500), await follow('other', 500)]
  await change('one')
  // No timer, poll or turn of another object lies in between.
  await new Promise(setImmediate)
  assert.deepEqual([woken.length, new Set(woken)], [500, new Set(['one'])])
  await Promise.all(ones)
  await change('one', 'nobody')
  await change('other', 'other')
  await Promise.all(others)
  assert.deepEqual([woken.length, woken.filter((story) => story === 'other').length], [1000, 500])
})

test('who comes with a stale ticket is answered at once, and a change between two waits is not missed', async () => {
  const { change, get } = opened()
  const first = await get('one', '', 0)
  await change('one')
  const second = await get('one', first, 30_000)
  assert.notEqual(second, first)
  assert.equal(await get('one', second, 1), second, 'nothing has changed')
  assert.notEqual(await get('one', 'ticket of an earlier life', 30_000), 'ticket of an earlier life')
})
