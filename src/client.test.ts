import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testEdge } from '../test/worker.ts'
import { fableframe } from './client.ts'

const { url, key } = await testEdge()
const client = fableframe(url, key)

test('the typed client posts, reads and cancels, by stories and by predictions', async () => {
  const posted = await client.stories.$post({ json: { frames: [{ prompt: 'one' }] }, header: {}, query: {} })
  assert.ok(posted.status === 202)
  const { id, status } = await posted.json()
  assert.equal(status, 'queued')
  const prediction = await client.v1.predictions[':id'].$get({ param: { id }, header: {} })
  assert.ok(prediction.status === 200)
  assert.equal((await prediction.json()).status, 'starting')
  const canceled = await client.stories[':id'].cancel.$post({ param: { id } })
  assert.ok(canceled.status === 200)
  assert.equal((await canceled.json()).status, 'canceled')
})

test('the typed client sees problems as the server sends them', async () => {
  const stranger = await fableframe(url, 'none').stories.$get({ query: {} })
  assert.equal(stranger.status, 401)
})
