/** What browsers are told about pages of other sites; `browser.test.ts` has a real one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Key } from '../../../contract/key.ts'
import type { Problem } from '../../../contract/problem.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const PAGE = 'https://app.example'
const { key: admin, app, call, wrong, url, claim, held, report, otherKey } = await testEdge()
const made = (await app<Key & { key: string }>('POST', '/keys', { name: 'shop', origins: [PAGE, PAGE] })).body
const story = { frames: [{ prompt: 'one' }] }

const from = <Body>(origin: string, method: string, path: string, key = made.key, body?: unknown, headers = {}) =>
  call<Body>(method, path, {
    headers: { origin, authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
const allowedFor = ({ headers }: { headers: Headers }) => headers.get('access-control-allow-origin')
const varyOf = ({ headers }: { headers: Headers }) => headers.get('vary') ?? ''

test('a preflight allows the methods of its path, our headers, and those that it asks for', async () => {
  const preflight = await call('OPTIONS', '/stories', {
    headers: {
      origin: PAGE,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,idempotency-key,last-event-id,x-stainless-lang, n"o',
    },
  })
  assert.deepEqual([preflight.status, preflight.body, allowedFor(preflight)], [204, '', '*'])
  const allowed = (preflight.headers.get('access-control-allow-headers') ?? '').split(', ')
  for (const name of ['authorization', 'idempotency-key', 'last-event-id', 'content-type', 'x-stainless-lang'])
    assert.ok(allowed.includes(name), name)
  assert.ok(!allowed.some((name) => /["\s]/.test(name)))
  assert.equal(preflight.headers.get('access-control-allow-methods'), 'POST, GET, HEAD, OPTIONS')
  assert.equal(preflight.headers.get('access-control-max-age'), '7200')
  assert.equal(preflight.headers.get('access-control-allow-credentials'), null)
  for (const path of ['/stories/abc/events', '/v1/predictions', '/keys', '/openapi.json'])
    assert.equal((await call('OPTIONS', path)).status, 204, path)
  assert.equal((await call('OPTIONS', '/nowhere')).status, 404)
  const machine = await call('OPTIONS', '/runner/claim', { headers: { origin: PAGE } })
  assert.deepEqual([machine.status, allowedFor(machine)], [204, null])
})

test('a page of the key may read answers and their headers, whatever the answer is', async () => {
  const posted = await from(PAGE, 'POST', '/stories', made.key, story)
  assert.deepEqual([posted.status, allowedFor(posted)], [202, PAGE])
  const exposed = posted.headers.get('access-control-expose-headers') ?? ''
  for (const name of ['location', 'ratelimit', 'ratelimit-policy', 'ratelimit-remaining', 'x-request-id', 'etag'])
    assert.match(exposed, new RegExp(`(^|, )${name}(,|$)`), name)
  assert.match(varyOf(posted), /Origin/)
  const invalid = await from<Problem>(PAGE, 'POST', '/stories', made.key, {})
  assert.deepEqual([invalid.status, allowedFor(invalid)], [422, PAGE])
  const missing = await from(PAGE, 'GET', `/stories/${'a'.repeat(26)}`)
  assert.deepEqual([missing.status, allowedFor(missing)], [404, PAGE])
})

test('a page of another site is refused before anything is done, and told so', async () => {
  const before = (await app<{ results: object[] }>('GET', '/stories', undefined, made.key)).body.results.length
  for (const origin of ['https://evil.example', 'https://app.example:8443', 'http://app.example', 'null']) {
    const refused = await from<Problem>(origin, 'POST', '/stories', made.key, story, { 'idempotency-key': 'one' })
    assert.deepEqual([refused.status, refused.body.type], [403, '/problems/origin-not-allowed'], origin)
    assert.ok(refused.body.detail.includes(`admits those of ${PAGE}, not ${origin}`), refused.body.detail)
    assert.equal(allowedFor(refused), origin)
    assert.equal((await from(origin, 'GET', '/stories')).status, 403)
  }
  const after = (await app<{ results: object[] }>('GET', '/stories', undefined, made.key)).body.results.length
  assert.equal(after, before)
  const none = await from<Problem>(PAGE, 'GET', '/stories', await otherKey())
  assert.match(none.body.detail, /admits no pages of other sites/)
})

test('servers and our own pages are not affected', async () => {
  assert.equal((await app('POST', '/stories', story, made.key)).status, 202)
  const own = await from(new URL(url).origin, 'POST', '/stories', await otherKey(), story)
  assert.deepEqual([own.status, allowedFor(own)], [202, null])
  assert.match(varyOf(own), /Origin/)
})

test('a wrong key is told to any page, and the paths of machines to none', async () => {
  const refused = await from<Problem>(PAGE, 'GET', '/stories', 'nonsense')
  assert.deepEqual([refused.status, allowedFor(refused)], [401, PAGE])
  const runner = await from('https://evil.example', 'POST', '/runner/claim', 'nonsense', {})
  assert.deepEqual([runner.status, allowedFor(runner)], [401, null])
})

test('any page may read what a signed link opens, and the document', async () => {
  const { id } = (await app('POST', '/stories', story, made.key)).body
  let lease = await claim()
  while (lease && lease.id !== id) lease = await claim()
  await held(lease!, 'PUT', 'frames/0', await plainPng(8, 8))
  await report(lease!, 1, 'story.completed')
  const view = (await app('GET', `/stories/${id}`, undefined, made.key)).body
  const { pathname, search } = new URL(view.frames[0]?.url ?? '')
  const headers = { origin: 'https://anywhere.example' }
  const picture = await call('GET', pathname + search, { headers })
  assert.deepEqual([picture.status, allowedFor(picture)], [200, '*'])
  assert.doesNotMatch(varyOf(picture), /Origin/)
  const unchanged = await call('GET', pathname + search, {
    headers: { ...headers, 'if-none-match': picture.headers.get('etag') ?? '' },
  })
  assert.deepEqual([unchanged.status, allowedFor(unchanged)], [304, '*'])
  const events = new URL(view.urls.events)
  const stream = await call('GET', events.pathname + events.search, { headers })
  assert.deepEqual([stream.status, allowedFor(stream)], [200, '*'])
  const spoilt = await call('GET', `${pathname}${search}x`, { headers })
  assert.deepEqual([spoilt.status, allowedFor(spoilt)], [401, '*'])
  for (const path of ['/openapi.json', '/problems/validation'])
    assert.equal(allowedFor(await call('GET', path, { headers })), '*', path)
})

test('origins are spelt as browsers spell them, and changed at once', async () => {
  assert.deepEqual(made.origins, [PAGE])
  const other = 'http://localhost:5173'
  const patched = await app<Key>('PATCH', `/keys/${made.id}`, { origins: [other] }, admin)
  assert.deepEqual([patched.status, patched.body.origins], [200, [other]])
  assert.deepEqual(
    [(await from(PAGE, 'POST', '/stories', made.key, story)).status, (await from(other, 'GET', '/stories')).status],
    [403, 200],
  )
  for (const spelt of [
    'https://app.example/',
    'https://APP.example',
    'https://a.example:443',
    '*',
    'app.example',
    'ftp://a.example',
  ])
    for (const [method, path] of [
      ['POST', '/keys'],
      ['PATCH', `/keys/${made.id}`],
    ] as const) {
      const body = { ...(method === 'POST' && { name: 'x' }), origins: [spelt] }
      const { errors } = await wrong(method, path, body, admin)
      assert.equal(errors?.[0]?.pointer, '/origins/0', spelt)
      assert.match(errors?.[0]?.message ?? '', /an origin such as/)
    }
})
