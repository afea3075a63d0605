/** How a prediction looks whose time was over, and one whose data are gone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Replicate from 'replicate'
import type { Prediction } from '../../../contract/prediction.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { url, key, app, wrong, call, claim, held, report, runCron } = await testEdge()
const replicate = new Replicate({ auth: key, baseUrl: `${url}/v1` })
const body = { version: 'fableframe/story-mini', input: { prompt: 'a fox' } }

const create = (headers: Record<string, string>) =>
  call<Prediction>('POST', '/v1/predictions', {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  })
const readAs = async (id: string, prefer: string) => {
  const headers = { authorization: `Bearer ${key}`, prefer }
  return (await call<Prediction>('GET', `/v1/predictions/${id}`, { headers })).body
}

test('not started by Cancel-After: canceled with a reason, and aborted for who asks', async () => {
  const { status, body } = await create({ 'cancel-after': '1s' })
  assert.deepEqual([status, body.status], [201, 'starting'])
  await new Promise((resolve) => setTimeout(resolve, 1100))
  await runCron()
  const { id } = body
  assert.equal((await app('GET', `/stories/${id}`)).body.status, 'expired')
  const seen = await replicate.wait(await replicate.predictions.get(id), { interval: 10 })
  assert.deepEqual([seen.status, seen.error, seen.output], ['canceled', 'deadline exceeded before start', null])
  assert.equal((await readAs(id, 'aborted')).status, 'aborted')
  const stream = await call<string>('GET', body.urls.stream)
  assert.match(stream.body, /event: error\ndata: \{"detail":"deadline exceeded before start"\}[\s\S]*event: done/)
})

test('a Cancel-After that is no duration is refused', async () => {
  const { status, body } = await create({ 'cancel-after': 'soon' })
  assert.equal(status, 422)
  assert.match(JSON.stringify(body), /"pointer":"Cancel-After","message":"a duration such as 90s/)
})

test('when its data are gone it says so, and shows neither input nor output', async () => {
  const { id } = (await create({})).body
  const lease = (await claim())!
  assert.equal(lease.id, id)
  await report(lease, 1, 'story.started')
  await held(lease, 'PUT', 'frames/0', await plainPng(1))
  await report(lease, 2, 'story.completed')
  const whole = await replicate.predictions.get(id)
  assert.deepEqual([whole.data_removed, whole.output.length], [false, 1])
  assert.equal((await app('DELETE', `/stories/${id}`)).status, 204)
  const left = await replicate.predictions.get(id)
  assert.deepEqual([left.status, left.data_removed, left.output], ['succeeded', true, null])
  assert.doesNotMatch(JSON.stringify(left), /a fox/)
  assert.equal((await wrong('GET', `/stories/${id}/frames/0.png`)).status, 404)
})
