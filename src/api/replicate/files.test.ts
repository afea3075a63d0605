import assert from 'node:assert/strict'
import { test } from 'node:test'
import Replicate from 'replicate'
import Stainless from 'replicate-stainless'
import type { Problem } from '../../../contract/problem.ts'
import { UploadedFile } from '../../../contract/replicate.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const PUBLIC_URL = 'https://edge.example'
const { url, key, call, claim, otherKey, bindings, runCron } = await testEdge({ PUBLIC_URL })
const baseUrl = `${url}/v1`
const replicate = new Replicate({ auth: key, baseUrl })
const png = await plainPng(3)
const bytesAt = async (link: string) => fetch(link.replace(PUBLIC_URL, url))

test('upload, read, list, fetch without a key, delete', async () => {
  const created = await replicate.files.create(new File([new Uint8Array(png)], 'fern.png', { type: 'image/png' }), {
    n: 1,
  })
  const file = UploadedFile.parse(created)
  assert.deepEqual(
    [file.name, file.content_type, file.size, file.metadata],
    ['fern.png', 'image/png', png.length, { n: 1 }],
  )
  assert.deepEqual(await replicate.files.get(file.id), created)
  assert.deepEqual((await replicate.files.list()).results, [created])
  const fetched = await bytesAt(file.urls.get)
  assert.deepEqual(Buffer.from(await fetched.arrayBuffer()), png)
  assert.deepEqual(
    ['content-type', 'content-disposition', 'x-content-type-options'].map((name) => fetched.headers.get(name)),
    ['image/png', 'attachment', 'nosniff'],
  )
  const stranger = new Replicate({ auth: await otherKey(), baseUrl })
  await assert.rejects(stranger.files.get(file.id), /404/)
  await assert.rejects(stranger.files.delete(file.id), /404/)
  assert.equal(await replicate.files.delete(file.id), true)
  await assert.rejects(replicate.files.get(file.id), /404/)
  assert.equal((await bytesAt(file.urls.get)).status, 404)
  assert.equal(await bindings.IMAGES.head(`files/${file.id}`), null)
})

test('a file in an input is uploaded by the client, and the story has its link', async () => {
  const characters = [{ id: 'fox', name: 'Fern', description: 'a fox', references: [png] }]
  const input = { prompt: 'Fern', characters }
  const { id } = await replicate.predictions.create({ model: 'fableframe/story-mini', input })
  const { story } = (await claim())!
  const [link] = story.characters[0]!.references!
  assert.deepEqual(Buffer.from(await (await bytesAt(link!)).arrayBuffer()), png)
  await replicate.predictions.cancel(id)
})

test('replicate-stainless uploads too', async () => {
  const client = new Stainless({ bearerToken: key, baseURL: baseUrl, maxRetries: 0 })
  const file = await client.files.create({ content: await Stainless.toFile(png, 'a.png', { type: 'image/png' }) })
  assert.equal((await client.files.get({ file_id: file.id })).size, png.length)
  await client.files.delete({ file_id: file.id })
})

test('files end after their time, and leave nothing behind', async () => {
  const file = await replicate.files.create(Buffer.from('old'))
  await bindings.DB.prepare('UPDATE files SET expires_at = ?')
    .bind(Date.now() - 1)
    .run()
  await assert.rejects(replicate.files.get(file.id), /404/)
  assert.deepEqual((await replicate.files.list()).results, [])
  await runCron()
  assert.equal(await bindings.IMAGES.head(`files/${file.id}`), null)
  assert.equal((await bindings.DB.prepare('SELECT 1 FROM files').all()).results.length, 0)
})

test('forms that are none, or hold too much, are refused', async () => {
  const send = async (body: string | FormData, headers: Record<string, string> = {}) => {
    const init = { body, headers: { authorization: `Bearer ${key}`, ...headers } }
    const { body: problem } = await call<Problem>('POST', '/v1/files', init)
    return [problem.status, problem.errors?.[0]?.pointer ?? null]
  }
  const form = (fields: Record<string, string | Blob>) => {
    const data = new FormData()
    for (const [name, value] of Object.entries(fields)) data.append(name, value)
    return data
  }
  const content = new Blob(['x'])
  assert.deepEqual(await send('{}', { 'content-type': 'application/json' }), [415, null])
  assert.deepEqual(await send('not a form', { 'content-type': 'multipart/form-data; boundary=x' }), [422, ''])
  assert.deepEqual(await send('not a form', { 'content-type': 'multipart/form-data' }), [422, ''])
  assert.deepEqual(await send(form({ metadata: '{}' })), [422, '/content'])
  assert.deepEqual(await send(form({ content: 'text' })), [422, '/content'])
  for (const metadata of ['{', '[]', 'null', JSON.stringify({ a: 'x'.repeat(17_000) })])
    assert.deepEqual(await send(form({ content, metadata })), [422, '/metadata'], metadata.slice(0, 9))
  assert.deepEqual(await send(form({ content, filename: 'ä'.repeat(200) })), [422, '/filename'])
  assert.deepEqual(await send(form({ content, type: 'a picture' })), [422, '/type'])
  assert.deepEqual(await send(form({ content: new Blob([new Uint8Array(21 * 1024 * 1024)]) })), [413, null])
})
