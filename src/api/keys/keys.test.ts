import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import type { Key, NewKey, Usage } from '../../../contract/key.ts'
import type { Problem } from '../../../contract/problem.ts'
import type { StoryList } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { key: local, app, call, wrong, claim, held, report, bindings } = await testEdge()
type New = z.infer<typeof NewKey>

const make = async (wanted: object) => (await app<New>('POST', '/keys', { name: 'app', ...wanted }, local)).body
const statusOf = async (key: string, method = 'GET', path = '/stories', body?: unknown) =>
  (await app(method, path, body, key)).status
const story = { frames: [{ prompt: 'one' }] }

test('a key is made, shown once, listed without itself, and refused once it is revoked', async () => {
  const made = await app<New>('POST', '/keys', { name: ' shop ' }, local)
  assert.equal(made.status, 201)
  const { key, ...view } = made.body
  assert.match(key, /^ff_live_[a-z2-7]{39}$/)
  assert.deepEqual(
    [view.name, view.scopes, view.retention_days, view.expires_at, view.revoked_at],
    ['shop', ['stories:write', 'stories:read', 'webhooks'], 7, null, null],
  )
  assert.equal(await statusOf(key, 'POST', '/stories', story), 202)
  const listed = await app<{ results: Key[] }>('GET', '/keys', undefined, local)
  assert.deepEqual(
    listed.body.results.find(({ id }) => id === view.id),
    view,
  )
  assert.ok(!JSON.stringify(listed.body).includes(key))
  const revoked = (await app<Key>('DELETE', `/keys/${view.id}`, undefined, local)).body
  assert.ok(revoked.revoked_at)
  assert.equal(await statusOf(key), 401)
  assert.deepEqual((await app<Key>('DELETE', `/keys/${view.id}`, undefined, local)).body, revoked)
  assert.equal((await wrong('POST', `/keys/${view.id}/rotate`, {}, local)).status, 404)
})

test('a rotated key and the one before are both good until the overlap ends; a third ends the first', async () => {
  const first = await make({})
  const { id } = (await app('POST', '/stories', story, first.key)).body
  const second = (await app<New>('POST', `/keys/${first.id}/rotate`, {}, local)).body
  assert.equal(second.id, first.id)
  for (const key of [first.key, second.key])
    assert.deepEqual((await app<StoryList>('GET', '/stories', undefined, key)).body.results[0]?.id, id)
  const third = (await app<New>('POST', `/keys/${first.id}/rotate`, { overlap_hours: 0 }, local)).body
  assert.deepEqual(await Promise.all([first, second, third].map(({ key }) => statusOf(key))), [401, 401, 200])
  const many = await Promise.all(Array.from({ length: 4 }, () => app('POST', `/keys/${first.id}/rotate`, {}, local)))
  assert.deepEqual([...new Set(many.map(({ status }) => status))], [200])
})

test('a scope that is missing is named, and nothing happens', async () => {
  const reader = (await make({ scopes: ['stories:read', 'stories:read'] })).key
  assert.equal(await statusOf(reader), 200)
  for (const [method, path, scope] of [
    ['POST', '/stories', 'stories:write'],
    ['POST', '/v1/predictions', 'stories:write'],
    ['GET', '/webhooks/secret', 'webhooks'],
    ['GET', '/v1/webhooks/default/secret', 'webhooks'],
    ['GET', '/keys', 'admin'],
  ] as const) {
    const problem = await wrong(method, path, method === 'POST' ? story : undefined, reader)
    assert.deepEqual([problem.status, problem.type], [403, '/problems/forbidden'], path)
    assert.match(problem.detail, new RegExp(`lacks the scope ${scope}; it has stories:read$`))
  }
  const writer = (await make({ scopes: ['stories:write'] })).key
  assert.equal(await statusOf(writer), 403)
  assert.equal(await statusOf(writer, 'POST', '/stories', story), 202)
})

test('a key ends when it expires; wrong wishes are refused with what would be right', async () => {
  const { key, id } = await make({ expires_at: new Date(Date.now() + 60_000).toISOString() })
  assert.equal(await statusOf(key), 200)
  await bindings.DB.prepare('UPDATE api_keys SET expires_at = ? WHERE id = ?').bind(Date.now(), id).run()
  assert.match((await wrong('GET', '/stories', undefined, key)).detail, /expired at/)
  const faults: [object, string][] = [
    [{ name: '' }, '/name'],
    [{ scopes: [] }, '/scopes'],
    [{ scopes: ['all'] }, '/scopes/0'],
    [{ expires_at: '2020-01-01T00:00:00Z' }, '/expires_at'],
    [{ expires_at: 'tomorrow' }, '/expires_at'],
    [{ retention_days: -1 }, '/retention_days'],
    [{ creates_per_minute: 0 }, '/creates_per_minute'],
    [{ weight: 0 }, '/weight'],
    [{ max_running: 0 }, '/max_running'],
    [{ max_queued: 1.5 }, '/max_queued'],
    [{ max_stored_bytes: -1 }, '/max_stored_bytes'],
  ]
  for (const [wish, pointer] of faults)
    assert.equal((await wrong('POST', '/keys', { name: 'x', ...wish }, local)).errors?.[0]?.pointer, pointer)
  assert.equal((await wrong('POST', `/keys/${id}/rotate`, { overlap_hours: 721 }, local)).status, 422)
  assert.equal((await wrong('DELETE', `/keys/key_${'a'.repeat(16)}`, undefined, local)).status, 404)
})

test('a key is served by the weight and within the caps that it was made with', async () => {
  const { key, ...view } = await make({ weight: 2.5, max_running: 3, max_queued: 1 })
  assert.deepEqual([view.weight, view.max_running, view.max_queued], [2.5, 3, 1])
  assert.equal(await statusOf(key, 'POST', '/stories', story), 202)
  const full = await wrong('POST', '/stories', story, key)
  assert.equal(full.status, 429)
  assert.match(full.type, /queue-full$/)
})

test('caps, weight and rate of a key are changed later, and count at once', async () => {
  const { key, ...made } = await make({ max_queued: 1, weight: 2 })
  const change = (changes: object) => app<Key>('PATCH', `/keys/${made.id}`, changes, local)
  assert.equal(await statusOf(key, 'POST', '/stories', story), 202)
  assert.equal(await statusOf(key, 'POST', '/stories', story), 429)
  const changed = await change({ max_queued: 3 })
  assert.deepEqual([changed.status, changed.body], [200, { ...made, max_queued: 3 }])
  const many = await Promise.all(Array.from({ length: 6 }, () => statusOf(key, 'POST', '/stories', story)))
  assert.deepEqual(many.toSorted(), [202, 202, 429, 429, 429, 429])
  assert.equal((await change({ max_queued: 1 })).status, 200)
  assert.equal(await statusOf(key, 'POST', '/stories', story), 429)
  const limits = { creates_per_minute: 7, weight: 0.5, max_running: 2, max_queued: 9 }
  assert.deepEqual((await change(limits)).body, { ...made, ...limits })
  assert.deepEqual((await change({ creates_per_minute: null })).body, { ...made, ...limits, creates_per_minute: null })
  const listed = await app<{ results: Key[] }>('GET', '/keys', undefined, local)
  assert.equal(listed.body.results.find(({ id }) => id === made.id)?.weight, 0.5)

  const faults: [object, string][] = [
    [{}, ''],
    [{ weight: 0 }, '/weight'],
    [{ weight: null }, '/weight'],
    [{ max_running: 0 }, '/max_running'],
    [{ max_queued: 1.5 }, '/max_queued'],
    [{ creates_per_minute: 0 }, '/creates_per_minute'],
    [{ max_stored_bytes: null }, '/max_stored_bytes'],
    [{ max_stored_bytes: 2e15 }, '/max_stored_bytes'],
    [{ weight: 3, scopes: ['admin'] }, '/scopes'],
  ]
  for (const [wish, pointer] of faults) {
    const problem = await wrong('PATCH', `/keys/${made.id}`, wish, local)
    assert.deepEqual([problem.status, problem.errors?.[0]?.pointer], [422, pointer], JSON.stringify(wish))
  }
  for (const id of [`key_${'a'.repeat(16)}`, 'nonsense'])
    assert.equal((await wrong('PATCH', `/keys/${id}`, { weight: 3 }, local)).status, 404)
  assert.equal((await wrong('PATCH', `/keys/${made.id}`, { weight: 3 }, key)).status, 403)
  assert.equal((await wrong('PATCH', `/keys/${made.id}`, '{', local)).type, '/problems/malformed-json')
})

test('a key stores as many bytes as it was made for, and as a later change says, which takes nothing away', async () => {
  const { key, ...made } = await make({ max_stored_bytes: 5 })
  const upload = (text: string) => {
    const body = new FormData()
    body.set('content', new Blob([text]), 'a.txt')
    return call<Problem>('POST', '/v1/files', { headers: { authorization: `Bearer ${key}` }, body })
  }
  const change = async (bytes: number) =>
    (await app<Key>('PATCH', `/keys/${made.id}`, { max_stored_bytes: bytes }, local)).body
  assert.deepEqual([made.max_stored_bytes, made.stored_bytes], [5, 0])
  assert.equal((await upload('12345')).status, 201)
  const full = (await upload('6')).body
  assert.deepEqual([full.status, full.type], [413, '/problems/storage-full'])
  assert.match(full.detail, /may store 5 bytes/)
  assert.deepEqual(await change(6), { ...made, max_stored_bytes: 6, stored_bytes: 5 })
  assert.equal((await upload('6')).status, 201)
  assert.deepEqual(await change(0), { ...made, max_stored_bytes: 0, stored_bytes: 6 })
  const files = await app<{ results: object[] }>('GET', '/v1/files', undefined, key)
  assert.equal(files.body.results.length, 2)
  assert.equal((await upload('7')).status, 413)
})

test('both schemes are taken', async () => {
  for (const scheme of ['Bearer', 'bearer', 'Token', 'token'])
    assert.equal((await call('GET', '/stories', { headers: { authorization: `${scheme} ${local}` } })).status, 200)
  const basic = await call<Problem>('GET', '/stories', { headers: { authorization: `Basic ${local}` } })
  assert.equal(basic.status, 401)
})

test('usage counts stories, frames and time of runners by day', async () => {
  const { key, id } = await make({})
  const posted = await app('POST', '/stories', { frames: [{ prompt: 'one' }, { prompt: 'two' }] }, key)
  await app('POST', '/stories', story, key)
  const rows = bindings.DB.prepare('UPDATE stories SET created_at = 86400000 * 20000 + 5 WHERE api_key_id = ?').bind(id)
  await rows.run()
  let lease = await claim()
  while (lease && lease.id !== posted.body.id) lease = await claim()
  for (const index of [0, 1]) await held(lease!, 'PUT', `frames/${index}`, await plainPng(8, 8))
  await report(lease!, 1, 'story.completed')
  const { days } = (await app<Usage>('GET', '/usage?days=366', undefined, key)).body
  assert.deepEqual(days, [])
  await bindings.DB.prepare(
    'UPDATE stories SET created_at = ?1, started_at = ?1, completed_at = ?1 + 1500 WHERE id = ?2',
  )
    .bind(Date.now(), posted.body.id)
    .run()
  const today = new Date().toISOString().slice(0, 10)
  assert.deepEqual((await app<Usage>('GET', '/usage', undefined, key)).body, {
    days: [{ day: today, stories: 1, frames: 2, runner_seconds: 1.5 }],
  })
  assert.equal((await wrong('GET', '/usage?days=0', undefined, key)).errors?.[0]?.pointer, '?days')
})
