/** What is true when D1 and R2 fail: nothing is left over, nothing else stands still, and the log holds no secrets. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Story } from '../../contract/story-view.ts'
import { testFaultyEdge } from '../../test/faulty-edge.ts'
import { plainPng } from '../../test/png.ts'
import { testReceiver } from '../../test/receiver.ts'

const { key, app, call, claim, held, report, post, read, bindings, runCron, fail, log, lastRun } =
  await testFaultyEdge()
const receiver = await testReceiver(() => ({ status: 200 }))
const png = await plainPng(8, 8)
const authorization = `Bearer ${key}`
const objects = async (prefix: string) => (await bindings.IMAGES.list({ prefix })).objects.map((object) => object.key)
const all = async <Row>(sql: string) => (await bindings.DB.prepare(sql).all<Row>()).results
/** Objects that are enqueued for deletion are due now. */
const pass = () => bindings.DB.prepare('UPDATE object_deletions SET due_at = 0 WHERE due_at IS NOT NULL').run()

function upload(text: string) {
  const form = new FormData()
  form.set('content', new Blob([text]), 'a.txt')
  return call('POST', '/v1/files', { headers: { authorization }, body: form })
}

const character = (name: string) =>
  call('POST', '/characters', {
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({
      name,
      description: 'a fox',
      references: [`data:image/png;base64,${png.toString('base64')}`],
    }),
  })

async function finished(about: object = {}): Promise<string> {
  const { id } = await post({ frames: [{ prompt: 'a fox reads' }], ...about })
  for (let lease = await claim(); lease; lease = await claim()) {
    await held(lease, 'PUT', 'frames/0', png)
    await report(lease, 1, 'story.completed')
    if (lease.id === id) return id
  }
  throw new Error(`${id} was not to be claimed`)
}

test('the log says which SQL failed and why, and nothing of what it was asked with', async () => {
  const prompt = 'the secret life of foxes'
  const story = { frames: [{ prompt }], webhook: `${receiver.url}/secret-hook`, metadata: { prompt } }
  const { key: secret } = (await app<{ key: string }>('GET', '/webhooks/secret')).body
  for (const asked of [
    'insert into "stories"',
    'insert into "characters"',
    'api_keys',
    'insert into "frames"',
    '"stories"',
  ]) {
    await fail({ store: 'd1', kind: 'before', asked })
    await app('POST', '/stories', story)
    await call('POST', '/stories', {
      headers: { authorization, 'content-type': 'application/json', 'idempotency-key': `k-${asked.length}` },
      body: JSON.stringify(story),
    })
    await character(prompt)
    await app('POST', '/webhooks/secret/rotate', { overlap_hours: 1 })
    await app('POST', '/keys', { name: prompt })
    await runCron()
  }
  await fail()
  assert.match(log(), /D1_ERROR: Network connection lost/)
  assert.match(log(), /insert into \\"stories\\"/)
  for (const secretText of [prompt, 'secret-hook', 'whsec_', key, secret, 'base64', 'params:'])
    assert.ok(!log().includes(secretText), `the log holds ${secretText}`)
  assert.ok(log().length < 200_000, `${log().length} characters`)
})

test('an upload that D1 loses is deleted again, whether or not the answer of D1 came', async () => {
  for (const [store, kind, asked] of [
    ['d1', 'before', 'insert into "files"'],
    ['d1', 'after', 'insert into "object_deletions"'],
    ['r2', 'after', 'put files/'],
    ['r2', 'before', 'put files/'],
  ] as const) {
    await fail({ store, kind, asked })
    assert.equal((await upload(`${store} ${kind}`)).status, store === 'd1' ? 503 : 500)
  }
  await fail({ store: 'd1', kind: 'before', asked: 'insert into "reference_pictures"' })
  assert.equal((await character('Reynard')).status, 503)
  await fail({ store: 'd1', kind: 'after', asked: 'insert into "files"' })
  assert.equal((await upload('kept')).status, 503)
  await fail()
  await pass()
  await runCron()
  const rows = await all<{ key: string }>('SELECT key FROM files')
  assert.deepEqual(
    await objects('files/'),
    rows.map((row) => row.key),
  )
  assert.equal(rows.length, 1, 'the one whose row was written')
  const pictures = await all<{ key: string }>('SELECT key FROM reference_pictures')
  assert.deepEqual(
    await objects('references/'),
    pictures.map((row) => row.key),
  )
  assert.deepEqual(await all('SELECT * FROM object_deletions'), [])
})

test('an object that cannot be deleted is set aside and counted; the rest goes on, webhooks and other deletions too', async () => {
  const ids = [await finished(), await finished(), await finished()]
  const [stuck = ''] = await objects(`stories/${ids[1]}/`)
  await bindings.DB.prepare(`UPDATE stories SET expires_at = 1 WHERE id IN ('${ids.join("', '")}')`).run()
  await fail({ store: 'r2', kind: 'before', asked: `delete ${stuck}`, times: 1000 })
  const waiting = await post({
    frames: [{ prompt: 'late' }],
    webhook: `${receiver.url}/late`,
    deadline: { start_within: 1 },
  })
  await bindings.DB.prepare('UPDATE stories SET start_by = 1 WHERE id = ?').bind(waiting.id).run()
  await runCron()
  await receiver.requests('/late', 1)
  assert.deepEqual(await Promise.all(ids.map(async (id) => (await read(id)).data_removed)), [true, false, true])
  assert.deepEqual(await Promise.all(ids.map((id) => objects(`stories/${id}/`))), [[], [stuck], []])
  assert.deepEqual(await all('SELECT key, attempts FROM object_deletions'), [{ key: stuck, attempts: 1 }])
  await fail()
  await pass()
  await runCron()
  assert.deepEqual([(await read(ids[1]!)).data_removed, await objects(`stories/${ids[1]}/`)], [true, []])
})

test('one task of cron that fails keeps no other from its work', async () => {
  const late = await post({
    frames: [{ prompt: 'late' }],
    webhook: `${receiver.url}/isolated`,
    deadline: { start_within: 1 },
  })
  await bindings.DB.prepare('UPDATE stories SET start_by = 1 WHERE id = ?').bind(late.id).run()
  await fail(
    { store: 'd1', kind: 'before', asked: 'reference_pictures', times: 99 },
    { store: 'd1', kind: 'before', asked: 'from "files"', times: 99 },
    { store: 'r2', kind: 'before', asked: '', times: 99 },
  )
  await runCron()
  await fail()
  await receiver.requests('/isolated', 1)
  assert.match(log(), /"task":"references"/)
  assert.match(log(), /"task":"files"/)
})

test('DELETE says that a story is erased only when its pictures are', async () => {
  const id = await finished()
  await fail({ store: 'r2', kind: 'before', asked: 'delete stories/', times: 99 })
  const answer = await app<Story>('DELETE', `/stories/${id}`)
  assert.deepEqual([answer.status, answer.body.data_removed, answer.body.frames], [202, false, []])
  await fail()
  await pass()
  await runCron()
  assert.equal((await read(id)).data_removed, true)
  assert.equal((await app('DELETE', `/stories/${id}`)).status, 204)
  const { d1, r2 } = await lastRun()
  assert.ok(d1 < 60 && r2 < 10, `an idle run asks D1 ${d1} and R2 ${r2} times`)
})

test('a key stores as many bytes as it may, exactly, and more once something is deleted', async () => {
  await bindings.DB.prepare('UPDATE api_keys SET max_stored_bytes = stored_bytes + 10').run()
  const answers = await Promise.all(['1234', '5678', '9012'].map((text) => upload(text)))
  assert.deepEqual(answers.map(({ status }) => status).sort(), [201, 201, 413])
  const kept = answers.find(({ status }) => status === 201)!.body as { id: string }
  assert.equal((await objects('files/')).length, 3)
  assert.equal((await app('DELETE', `/v1/files/${kept.id}`)).status, 204)
  assert.equal((await objects('files/')).length, 2)
  assert.equal((await upload('1234')).status, 201)
})
