import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testEdge } from '../test/worker.ts'
import { fableframe } from './client.ts'

test('a create of the client carries an Idempotency-Key, its own or a given one', async () => {
  const { url, key, bindings } = await testEdge()
  const client = fableframe(url, key)
  const json = { frames: [{ prompt: 'a fox wakes up' }] }
  for (const header of [{}, { 'idempotency-key': 'mine' }, { 'idempotency-key': 'mine' }])
    assert.equal((await client.stories.$post({ json, header, query: {} })).status, 202)
  const { results } = await bindings.DB.prepare('SELECT "key" FROM idempotency_keys ORDER BY created_at').all()
  assert.equal(results.length, 2)
  assert.match(String(results[0]?.key), /^[0-9a-f-]{36}$/)
  assert.equal(results[1]?.key, 'mine')
})
