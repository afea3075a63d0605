import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoryRequest } from '../../../contract/story.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, wrong, post, otherKey } = await testEdge()
const posted = {
  title: 'Two',
  characters: [{ id: 'fox', name: 'Fern', description: 'an orange fox' }],
  frames: [{ prompt: 'Fern waves' }, { prompt: 'Then she sleeps', seed: 3 }],
  steps: 9,
}

test('what a story was asked for can be read, and asked for again', async () => {
  const { id } = await post(posted)
  const { status, body } = await app<StoryRequest>('GET', `/stories/${id}/request`)
  assert.equal(status, 200)
  const { title, characters, frames, steps } = body
  assert.deepEqual({ title, characters, frames, steps }, posted)
  const again = await app('POST', '/stories', body)
  assert.equal(again.status, 202, JSON.stringify(again.body))
})

test('it is not there for other keys, nor once the story is erased', async () => {
  const { id } = await post(posted)
  assert.equal((await wrong('GET', `/stories/${id}/request`, undefined, await otherKey())).status, 404)
  await app('POST', `/stories/${id}/cancel`)
  assert.equal((await app('DELETE', `/stories/${id}`)).status, 204)
  assert.match((await wrong('GET', `/stories/${id}/request`)).detail, /the texts of story \w+ were removed/)
})
