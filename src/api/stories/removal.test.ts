import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import type { NewKey } from '../../../contract/key.ts'
import { Prediction } from '../../../contract/prediction.ts'
import type { Problem } from '../../../contract/problem.ts'
import { Story } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'

const { key, url, app, call, wrong, claim, held, report, otherKey, bindings, runCron } = await testEdge()
const receiver = await testReceiver(() => ({ status: 200 }))
const secret = 'the fox is afraid of the dark'
const story = { title: secret, frames: [{ prompt: secret }], metadata: { secret }, webhook: receiver.url }
const png = await plainPng(8, 8)

async function finished(apiKey = key, model = 'story-mini') {
  const { id } = (await app('POST', '/stories', { ...story, model }, apiKey)).body
  const lease = await leaseOf(id)
  await held(lease, 'PUT', 'frames/0', png)
  await held(lease, 'PUT', 'storyboard', png)
  await report(lease, 1, 'story.completed')
  return id
}
async function leaseOf(id: string) {
  for (let lease = await claim(); lease; lease = await claim()) if (lease.id === id) return lease
  throw new Error(`${id} was not to be claimed`)
}
const view = async (id: string, apiKey = key) =>
  Story.parse((await app('GET', `/stories/${id}`, undefined, apiKey)).body)
const files = async (id: string) => (await bindings.IMAGES.list({ prefix: `stories/${id}/` })).objects.length
/** All that the database still says about a story. */
async function remembered(id: string): Promise<string> {
  const { results: tables } = await bindings.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite%'",
  ).all<{ name: string }>()
  const rows = await Promise.all(tables.map(({ name }) => bindings.DB.prepare(`SELECT * FROM ${name}`).all()))
  return JSON.stringify(rows.flatMap(({ results }) => results).filter((row) => JSON.stringify(row).includes(id)))
}

test('a story that is deleted leaves neither words nor pictures, only that it was there', async () => {
  const id = await finished()
  assert.match(await remembered(id), new RegExp(secret))
  assert.equal(await files(id), 2)
  for (let times = 0; times < 2; times++) assert.equal((await app('DELETE', `/stories/${id}`)).status, 204)
  assert.doesNotMatch(await remembered(id), new RegExp(secret))
  assert.equal(await files(id), 0)
  const left = await view(id)
  assert.deepEqual(
    [left.status, left.data_removed, left.title, left.frames, left.metadata, left.expires_at, left.urls.storyboard],
    ['succeeded', true, null, [], {}, null, null],
  )
  assert.equal((await wrong('GET', `/stories/${id}/frames/0.png`)).status, 404)
  const prediction = Prediction.parse((await app<Prediction>('GET', `/v1/predictions/${id}`)).body)
  assert.deepEqual([prediction.output, prediction.data_removed, prediction.input], [null, true, {}])
})

test('one that is queued is canceled first; one that is running goes once it has stopped', async () => {
  const queued = (await app('POST', '/stories', story)).body.id
  assert.equal((await app('DELETE', `/stories/${queued}`)).status, 204)
  assert.deepEqual([(await view(queued)).status, (await view(queued)).data_removed], ['canceled', true])

  const running = (await app('POST', '/stories', story)).body.id
  const lease = await leaseOf(running)
  await held(lease, 'PUT', 'frames/0', png)
  const asked = await app('DELETE', `/stories/${running}`)
  assert.deepEqual([asked.status, asked.body.cancel_requested, asked.body.data_removed], [202, true, false])
  await runCron()
  assert.equal(await files(running), 1, 'a runner holds it')
  await report(lease, 1, 'story.canceled')
  await runCron()
  assert.equal((await view(running)).data_removed, true)
  assert.equal(await files(running), 0)
  assert.doesNotMatch(await remembered(running), new RegExp(secret))
})

test('nobody deletes what belongs to another key', async () => {
  const id = await finished()
  assert.equal((await wrong('DELETE', `/stories/${id}`, undefined, await otherKey())).status, 404)
  assert.equal((await view(id)).data_removed, false)
})

test('content goes when the days of its key are over, and never when there is no end of them', async () => {
  const make = async (retention_days: number | null) =>
    (await app<z.infer<typeof NewKey>>('POST', '/keys', { name: 'x', retention_days })).body.key
  const [week, ever] = [await make(7), await make(null)]
  const [mortal, immortal] = [await finished(week), await finished(ever)]
  const before = await view(mortal, week)
  assert.equal(Date.parse(before.expires_at ?? '') - Date.parse(before.completed_at ?? ''), 7 * 24 * 3_600_000)
  assert.equal((await view(immortal, ever)).expires_at, null)
  await runCron()
  assert.deepEqual(await view(mortal, week), before)
  await bindings.DB.prepare('UPDATE stories SET expires_at = ? WHERE id = ?').bind(Date.now(), mortal).run()
  await runCron()
  const after = await view(mortal, week)
  assert.deepEqual([after.data_removed, after.frames, await files(mortal)], [true, [], 0])
  assert.equal((await view(immortal, ever)).data_removed, false)
})

test('pictures that a crash left behind are deleted by the next run', async () => {
  const id = await finished()
  await bindings.DB.prepare('UPDATE stories SET data_removed_at = 1, files_left = 1 WHERE id = ?').bind(id).run()
  await runCron()
  assert.equal(await files(id), 0)
})

test('a range of a picture comes as 206, one outside is 416, and If-Range is heeded', async () => {
  const id = await finished()
  const authorization = `Bearer ${key}`
  const get = (headers: Record<string, string>) =>
    fetch(`${url}/stories/${id}/frames/0.png`, { headers: { authorization, ...headers } })
  const whole = await get({})
  assert.equal(whole.headers.get('accept-ranges'), 'bytes')
  const etag = whole.headers.get('etag')!
  const size = png.length
  for (const [range, first, last] of [
    ['bytes=0-7', 0, 7],
    ['bytes=8-', 8, size - 1],
    ['bytes=-4', size - 4, size - 1],
    ['bytes=4-999999', 4, size - 1],
  ] as const) {
    const part = await get({ range, 'if-range': etag })
    assert.deepEqual([part.status, part.headers.get('content-range')], [206, `bytes ${first}-${last}/${size}`])
    assert.deepEqual(new Uint8Array(await part.arrayBuffer()), new Uint8Array(png.subarray(first, last + 1)))
  }
  for (const range of ['bytes=5-4', 'bytes=0-1,3-4', 'lines=1-2', 'bytes=-'])
    assert.equal((await get({ range })).status, 200, range)
  assert.equal((await get({ range: 'bytes=0-1', 'if-range': '"other"' })).status, 200)
  const outside = await call<Problem>('GET', `/stories/${id}/frames/0.png`, {
    headers: { authorization, range: `bytes=${size}-` },
  })
  assert.deepEqual([outside.status, outside.headers.get('content-range')], [416, `bytes */${size}`])
})
