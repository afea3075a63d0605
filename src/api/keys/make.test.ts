/** A key whose answer was lost is had again, and is made once. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import type { KeyList, NewKey } from '../../../contract/key.ts'
import { testEdge } from '../../../test/worker.ts'

const { key: admin, call, app, bindings } = await testEdge()
type New = z.infer<typeof NewKey>

const ask = (path: string, body: object, idempotencyKey: string, key = admin) =>
  call<New & { type: string }>('POST', path, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
  })
const opens = async (key: string) => (await app('GET', '/usage', undefined, key)).status === 200
const rotationsOf = async (id: string) =>
  (await app<{ results: object[] }>('GET', `/admin/audit?target=${id}`)).body.results.length - 1

test('a key is made once for each Idempotency-Key, and answered again', async () => {
  const first = await ask('/keys', { name: 'once' }, 'make-1')
  assert.deepEqual([first.status, first.headers.get('idempotent-replayed')], [201, null])
  const again = await ask('/keys', { name: 'once' }, 'make-1')
  assert.deepEqual([again.status, again.headers.get('idempotent-replayed')], [201, 'true'])
  assert.deepEqual(again.body, first.body)
  assert.ok(await opens(again.body.key))
  assert.equal((await ask('/keys', { name: 'twice' }, 'make-1')).body.type, '/problems/idempotency-mismatch')
  const many = await Promise.all(Array.from({ length: 5 }, () => ask('/keys', { name: 'race' }, 'make-2')))
  assert.equal(new Set(many.map(({ body }) => body.key)).size, 1)
  const { results } = (await app<z.infer<typeof KeyList>>('GET', '/keys')).body
  assert.equal(results.filter(({ name }) => name === 'race').length, 1)
  const { results: stored } = await bindings.DB.prepare('SELECT * FROM idempotency_keys').all()
  assert.ok(!JSON.stringify(stored).includes(first.body.key))
})

test('a rotation is answered again, until another one takes its place', async () => {
  const made = (await ask('/keys', { name: 'app' }, 'rotate-0')).body
  const path = `/keys/${made.id}/rotate`
  const first = await ask(path, { overlap_hours: 0 }, 'rotate-1')
  const again = await ask(path, { overlap_hours: 0 }, 'rotate-1')
  assert.deepEqual([again.status, again.body], [200, first.body])
  assert.ok(await opens(first.body.key))
  const many = await Promise.all(Array.from({ length: 5 }, () => ask(path, { overlap_hours: 1 }, 'rotate-2')))
  assert.equal(new Set(many.map(({ body }) => body.key)).size, 1)
  assert.ok(await opens(many[0]!.body.key))
  assert.equal(await rotationsOf(made.id), 2)
  assert.equal((await ask(path, { overlap_hours: 0 }, 'rotate-1')).body.key, first.body.key, 'good while it overlaps')
  await ask(path, {}, 'rotate-3')
  const gone = await ask(path, { overlap_hours: 0 }, 'rotate-1')
  assert.deepEqual([gone.status, gone.body.type], [409, '/problems/answer-gone'])
  assert.equal((await ask(`/keys/key_${'a'.repeat(16)}/rotate`, {}, 'rotate-4')).status, 404)
})

test('a key that replaced itself without overlap can ask again for that answer, and for nothing else', async () => {
  const old = (await ask('/keys', { name: 'self', scopes: ['admin'] }, 'self-0')).body
  const path = `/keys/${old.id}/rotate`
  const lost = await ask(path, { overlap_hours: 0 }, 'self-1', old.key)
  assert.equal((await app('GET', '/keys', undefined, old.key)).status, 401)
  const again = await ask(path, { overlap_hours: 0 }, 'self-1', old.key)
  assert.deepEqual([again.status, again.body], [200, lost.body])
  assert.equal((await app('GET', '/keys', undefined, again.body.key)).status, 200)
  assert.equal((await ask(path, { overlap_hours: 0 }, 'self-2', old.key)).status, 401)
  assert.equal((await ask(path, { overlap_hours: 5 }, 'self-1', old.key)).status, 422)
  assert.equal((await ask('/keys', { name: 'more' }, 'self-1', old.key)).status, 401)
  await bindings.DB.prepare("UPDATE idempotency_keys SET created_at = created_at - 3600001 WHERE key = 'self-1'").run()
  assert.equal((await ask(path, { overlap_hours: 0 }, 'self-1', old.key)).status, 401)
})
