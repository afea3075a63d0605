/** What a story says of its wait: to whom it is read by itself, and only until it ends. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoryList } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, post, read, claim, held, report, bindings } = await testEdge()
const story = { frames: [{ prompt: 'one' }, { prompt: 'two' }] }
const unknown = { position_is_exact: true, eta_seconds: null }

test('a story shows its place while it waits, its stage while it runs, and nothing once it has ended', async () => {
  const [first, second] = [await post(story), await post(story)]
  assert.equal(first.queue, null)
  assert.deepEqual((await read(first.id)).queue, { stage: 'waiting', position: 1, ...unknown })
  assert.deepEqual((await read(second.id)).queue, { stage: 'waiting', position: 2, ...unknown })
  assert.equal((await app<StoryList>('GET', '/stories')).body.results[0]?.queue, null)

  const lease = (await claim())!
  assert.equal(lease.id, first.id)
  assert.deepEqual((await read(first.id)).queue, { stage: 'starting', position: null, ...unknown })
  assert.equal((await read(second.id)).queue?.position, 1)
  await report(lease, 1, 'story.started')
  await report(lease, 2, 'story.progress', { progress: { stage: 'sampling', step: 1, steps: 4, fraction: 0.25 } })
  assert.equal((await read(first.id)).queue?.stage, 'sampling')
  for (const index of [0, 1]) await held(lease, 'PUT', `frames/${index}`, await plainPng(1))
  await report(lease, 3, 'story.completed')
  assert.equal((await read(first.id)).queue, null)

  await bindings.DB.prepare('UPDATE stories SET started_at = completed_at - 8000 WHERE id = ?').bind(first.id).run()
  assert.deepEqual((await read(second.id)).queue?.eta_seconds, { p50: 8, p90: 8 })
  await post(story)
  const third = await post(story)
  assert.deepEqual((await read(third.id)).queue?.eta_seconds, { p50: 24, p90: 24 })
})

test('events show it too; a story that pauses has no place, and one that was canceled says nothing', async () => {
  const { id, urls } = await post(story)
  const stream = await fetch(urls.events)
  let received = ''
  for await (const bytes of stream.body!) {
    received += new TextDecoder().decode(bytes)
    if (received.includes('event: story')) break
  }
  assert.match(received, /"queue":\{"stage":"waiting","position":\d+/)
  const later = Date.now() + 60_000
  await bindings.DB.prepare('UPDATE stories SET ready = 0, claimable_at = ? WHERE id = ?').bind(later, id).run()
  const { queue } = await read(id)
  assert.deepEqual([queue?.stage, queue?.position], ['pausing', null])
  assert.equal((await app('POST', `/stories/${id}/cancel`)).body.queue, null)
  assert.equal((await read(id)).queue, null)
})
