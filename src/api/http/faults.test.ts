/** Errors that no handler meant, made by a database that breaks under the edge. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../../contract/problem.ts'
import { testEdge } from '../../../test/worker.ts'
import { reasonOf } from '../../platform/log.ts'

const lines: string[] = []
const edge = await testEdge({}, { log: (line) => lines.push(line) })
const { app, call, key, bindings } = edge
const story = { frames: [{ prompt: 'a prompt that nobody else may read' }] }
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }

/** Runs `work` while every write of the table fails with `message`. */
async function failing<T>(table: string, message: string, work: () => Promise<T>): Promise<T> {
  const { DB } = bindings
  for (const event of ['INSERT', 'UPDATE'])
    await DB.prepare(
      `CREATE TRIGGER fail_${event} BEFORE ${event} ON ${table} BEGIN SELECT RAISE(ABORT, '${message}'); END`,
    ).run()
  try {
    return await work()
  } finally {
    for (const event of ['INSERT', 'UPDATE']) await DB.prepare(`DROP TRIGGER fail_${event}`).run()
  }
}

test('a 500 says what is known about sending the request again', async () => {
  const post = (path: string, more: object = {}, body: object = story) =>
    call<Problem>('POST', path, { headers: { ...headers, ...more }, body: JSON.stringify(body) })
  const both = async () => [await post('/stories'), await post('/stories', { 'idempotency-key': 'k1' })] as const
  const [plain, keyed] = await failing('stories', 'broken', both)
  assert.deepEqual([plain.status, keyed.status], [500, 500])
  assert.match(plain.body.detail, /may have taken effect: look before you send it again/)
  assert.match(keyed.body.detail, /safe to send the request again with the same Idempotency-Key/)
  const rotate = () => post('/webhooks/secret/rotate', { 'idempotency-key': 'k2' }, {})
  const rotated = await failing('api_keys', 'broken', rotate)
  assert.match(rotated.body.detail, /may have taken effect: look before you send it again$/)
  await bindings.DB.prepare('ALTER TABLE stories RENAME TO lost').run()
  const unmigrated = await app<Problem>('GET', '/stories')
  await bindings.DB.prepare('ALTER TABLE lost RENAME TO stories').run()
  assert.deepEqual([unmigrated.status, unmigrated.body.type], [503, '/problems/unavailable'])
  assert.match(unmigrated.body.detail, /not been migrated/)
  assert.ok(unmigrated.headers.get('retry-after'))
})

test('an overloaded database is 503 with Retry-After', async () => {
  const message = 'D1 DB is overloaded. Too many requests queued.'
  const { status, headers, body } = await failing('stories', message, () => app<Problem>('POST', '/stories', story))
  assert.deepEqual([status, body.type, body.retry_after], [503, '/problems/unavailable', 2])
  assert.equal(headers.get('retry-after'), '2')
})

test('neither an answer nor the log holds what was sent, nor an answer SQL', async () => {
  const answers = await failing('stories', 'broken', () => app<Problem>('POST', '/stories', story))
  await bindings.DB.prepare('ALTER TABLE stories RENAME TO lost').run()
  const health = await call<Problem>('GET', '/healthz')
  await bindings.DB.prepare('ALTER TABLE lost RENAME TO stories').run()
  assert.deepEqual(
    [health.status, health.body.detail],
    [503, 'the database does not answer: it has not been migrated to this version'],
  )
  for (const { body } of [answers, health])
    assert.doesNotMatch(JSON.stringify(body), /SQL|select|insert|stories:|params/i)
  const log = lines.join('\n')
  assert.match(log, /query failed: .*broken/)
  assert.ok(!log.includes('nobody else may read'))
})

test('settings that are missing are named in the answer, without their values', async () => {
  const { call } = await testEdge({ RUNNER_TOKEN: 'short' })
  const { status, body } = await call<Problem>('GET', '/stories')
  assert.deepEqual([status, body.type], [503, '/problems/misconfigured'])
  assert.match(body.detail, /RUNNER_TOKEN/)
  assert.ok(!body.detail.includes('short'))
})

test('the innermost cause is the reason', () => {
  assert.equal(reasonOf(new Error('outer', { cause: new Error('inner') })), 'inner')
  assert.equal(reasonOf('text'), 'text')
})
