import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomBytes } from '../../../test/d1.ts'
import { testEdge } from '../../../test/worker.ts'
import { openDb } from '../../db/client.ts'
import { insertApiKey } from '../../db/keys/api-keys.ts'
import { newApiKey } from '../../db/keys/new-key.ts'

const { app, bindings, key: admin } = await testEdge()
const story = { frames: [{ prompt: 'a fox reads' }] }

async function keyWith(options: Parameters<typeof newApiKey>[2]) {
  const { key, row } = await newApiKey('tests', { now: Date.now, randomBytes }, options)
  await insertApiKey(openDb(bindings.DB), row)
  const post = (body: unknown = story, query = '') => app('POST', `/stories${query}`, body, key)
  // From here on the isolate knows the key.
  assert.equal((await post()).status, 202)
  return { id: row.id, key, post }
}

test('a key that is known is refused from the moment it is revoked, rotated away, out of date or out of scope', async () => {
  const revoked = await keyWith({})
  assert.equal((await app('DELETE', `/keys/${revoked.id}`, undefined, admin)).status, 200)
  assert.equal((await revoked.post()).status, 401)
  assert.equal((await revoked.post(story, '?dry_run=true')).status, 401)
  assert.equal(
    (await revoked.post({ ...story, characters: [{ character: 'aaaaaaaaaaaaaaaaaaaaaaaaaa' }] })).status,
    401,
  )

  const rotated = await keyWith({})
  assert.equal((await app('POST', `/keys/${rotated.id}/rotate`, { overlap_hours: 0 }, admin)).status, 200)
  assert.equal((await rotated.post()).status, 401)

  const expired = await keyWith({})
  await bindings.DB.prepare('UPDATE api_keys SET expires_at = 1 WHERE id = ?').bind(expired.id).run()
  assert.equal((await expired.post()).status, 401)

  const narrowed = await keyWith({})
  await bindings.DB.prepare(`UPDATE api_keys SET scopes = '["stories:read"]' WHERE id = ?`).bind(narrowed.id).run()
  assert.equal((await narrowed.post()).status, 403)
})

test('a key that has changed and is still good is gone by as it is now', async () => {
  const { id, post } = await keyWith({ retentionDays: 7 })
  await bindings.DB.prepare('UPDATE api_keys SET retention_days = NULL WHERE id = ?').bind(id).run()
  const { status, body } = await post()
  const stored = await bindings.DB.prepare('SELECT retention_ms FROM stories WHERE id = ?').bind(body.id).first()
  assert.deepEqual([status, stored], [202, { retention_ms: null }])
})

test('a full queue is exactly full, however many post at the same time, and takes one more when one has gone', async () => {
  const { id, post } = await keyWith({ maxQueued: 5 })
  const statuses = (await Promise.all(Array.from({ length: 20 }, () => post()))).map(({ status }) => status)
  assert.deepEqual(Map.groupBy(statuses, String).get('202')?.length, 4)
  assert.equal(statuses.filter((status) => status === 429).length, 16)
  const waiting = bindings.DB.prepare("SELECT id FROM stories WHERE api_key_id = ? AND status = 'queued'").bind(id)
  const { results } = await waiting.all<{ id: string }>()
  assert.equal(results.length, 5)
  await bindings.DB.prepare('DELETE FROM stories WHERE id = ?').bind(results[0]?.id).run()
  assert.deepEqual([(await post()).status, (await post()).status], [202, 429])
})
