import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ClientToken } from '../../../contract/client-token.ts'
import type { Key } from '../../../contract/key.ts'
import type { Problem } from '../../../contract/problem.ts'
import type { Story, StoryList } from '../../../contract/story-view.ts'
import { testEdge } from '../../../test/worker.ts'
import { readClientToken, writeClientToken } from '../../platform/client-token.ts'

const URL_SECRET = 'the secret of links in these tests'
const { key: admin, app, call, wrong, bindings } = await testEdge({ URL_SECRET })
const settings = { URL_SECRET: [URL_SECRET] as [string] }
type New = Key & { key: string }
const PAGE = 'https://app.example'
const story = (frames = 1) => ({ frames: Array.from({ length: frames }, () => ({ prompt: 'one' })) })

const keyOf = async (about: object = {}) => (await app<New>('POST', '/keys', { name: 'app', ...about }, admin)).body
const server = await keyOf()
const tokenOf = async (wanted: object, key = server.key) => {
  const answer = await app<ClientToken>('POST', '/client-tokens', { origins: [PAGE], ...wanted }, key)
  assert.equal(answer.status, 201, JSON.stringify(answer.body))
  return answer.body.token
}
const withToken = <Body = Story>(token: string, method: string, path: string, body?: unknown, headers: object = {}) =>
  call<Body>(method, path, {
    headers: { origin: PAGE, authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
const refusal = async (...args: Parameters<typeof withToken>) => {
  const { status, body } = await withToken<Problem>(...args)
  return [status, body.type.replace('/problems/', ''), body.limit]
}

test('a token says what it is good for, and nothing is written for it', async () => {
  const tables = async () => {
    const { results } = await bindings.DB.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all<{
      name: string
    }>()
    const counts = results
      .filter(({ name }) => !/^(_|sqlite)/.test(name))
      .map(({ name }) => `(SELECT count(*) FROM ${name})`)
    return (await bindings.DB.prepare(`SELECT ${counts.join(' + ')} AS n`).first<{ n: number }>())?.n
  }
  const before = await tables()
  const { status, body, headers } = await app<ClientToken>(
    'POST',
    '/client-tokens',
    { expires_in: 60, origins: [PAGE], max_stories: 2 },
    server.key,
  )
  assert.equal(await tables(), before)
  assert.equal(status, 201)
  assert.equal(headers.get('cache-control'), 'no-store')
  assert.match(body.token, /^ff_client_[\w-]+\.[\w-]{43}$/)
  assert.deepEqual([body.origins, body.max_stories, body.max_frames, body.story], [[PAGE], 2, 24, null])
  const left = Date.parse(body.expires_at) - Date.now()
  assert.ok(left > 50_000 && left <= 60_000, `${left} ms`)
})

test('it creates as many stories as it may, however many are asked for at once, and follows these alone', async () => {
  const token = await tokenOf({ max_stories: 3 })
  const posts = await Promise.all(Array.from({ length: 8 }, () => withToken(token, 'POST', '/stories', story())))
  const taken = posts.filter(({ status }) => status === 202)
  assert.equal(taken.length, 3)
  assert.deepEqual(await refusal(token, 'POST', '/stories', story()), [403, 'token-limit', 'stories'])
  const { detail } = (await withToken<Problem>(token, 'POST', '/stories', story())).body
  assert.equal(detail, 'the client token has created 3 of the 3 stories that it may')

  const { id } = taken[0]!.body
  const other = (await app('POST', '/stories', story(), server.key)).body
  assert.equal((await withToken(token, 'GET', `/stories/${id}`)).body.id, id)
  assert.equal((await withToken(token, 'GET', `/stories/${other.id}`)).status, 404)
  assert.equal((await withToken(token, 'POST', `/stories/${other.id}/cancel`)).status, 404)
  const listed = (await withToken<StoryList>(token, 'GET', '/stories')).body.results.map((one) => one.id)
  assert.deepEqual(listed.toSorted(), taken.map(({ body }) => body.id).toSorted())
  assert.equal((await withToken(token, 'POST', `/stories/${id}/cancel`)).body.status, 'canceled')
  assert.equal((await app('GET', `/stories/${id}`, undefined, server.key)).body.status, 'canceled')
  const deleted = await app('DELETE', `/stories/${id}`, undefined, server.key)
  assert.equal(deleted.status, 204)
  assert.deepEqual(await refusal(token, 'POST', '/stories', story()), [403, 'token-limit', 'stories'], 'counts still')
})

test('frames are counted in all its stories', async () => {
  const token = await tokenOf({ max_stories: 5, max_frames: 5 })
  assert.equal((await withToken(token, 'POST', '/stories', story(3))).status, 202)
  const more = await withToken<Problem>(token, 'POST', '/stories', story(3))
  assert.deepEqual(
    [more.body.limit, more.body.detail],
    ['frames', '3 frames are more than the client token has left: 2 of 5'],
  )
  assert.equal((await withToken(token, 'POST', '/stories', story(2))).status, 202)
})

test('a dry run costs nothing', async () => {
  const token = await tokenOf({ max_stories: 1 })
  for (let i = 0; i < 3; i++) assert.equal((await withToken(token, 'POST', '/stories/dry-run', story())).status, 200)
  assert.equal((await withToken(token, 'POST', '/stories', story())).status, 202)
})

test('a request may be sent again with its Idempotency-Key, which is not that of another token', async () => {
  const [a, b] = [await tokenOf({ max_stories: 2 }), await tokenOf({ max_stories: 1 })]
  const once = { 'idempotency-key': 'order-1' }
  const many = await Promise.all(Array.from({ length: 4 }, () => withToken(a, 'POST', '/stories', story(), once)))
  assert.deepEqual([...new Set(many.map(({ status, body }) => `${status} ${body.id}`))].length, 1)
  const other = await withToken(b, 'POST', '/stories', story(), once)
  assert.equal(other.status, 202)
  assert.notEqual(other.body.id, many[0]?.body.id)
  assert.equal((await withToken(b, 'POST', '/stories', story(), once)).headers.get('idempotent-replayed'), 'true')
  assert.equal((await withToken(b, 'POST', '/stories', story(), { 'idempotency-key': 'order-2' })).status, 403)
  assert.deepEqual(await refusal(a, 'POST', '/stories', story(2), once), [422, 'idempotency-mismatch', undefined])
})

test('a token that follows a story reads it, and nothing else', async () => {
  const [mine, other] = [
    (await app('POST', '/stories', story(), server.key)).body,
    (await app('POST', '/stories', story(), server.key)).body,
  ]
  const token = await tokenOf({ story: mine.id })
  assert.equal((await withToken(token, 'GET', `/stories/${mine.id}`)).body.id, mine.id)
  for (const [method, path, body] of [
    ['GET', `/stories/${other.id}`],
    ['GET', '/stories'],
    ['POST', '/stories', story()],
    ['POST', `/stories/${mine.id}/cancel`],
  ] as const)
    assert.deepEqual(await refusal(token, method, path, body), [403, 'token-limit', 'story'], path)
})

test('what takes an API key is refused', async () => {
  const token = await tokenOf({ max_stories: 1 })
  for (const [method, path] of [
    ['POST', '/client-tokens'],
    ['GET', '/keys'],
    ['GET', '/usage'],
    ['POST', '/v1/predictions'],
    ['GET', '/webhooks/secret'],
    ['DELETE', `/stories/${'a'.repeat(26)}`],
  ] as const)
    assert.deepEqual(
      await refusal(token, method, path, method === 'POST' ? {} : undefined),
      [403, 'token-limit', 'scope'],
      path,
    )
  const spoilt = { ...story(), webhook: 'https://a.example/', priority: 'high' }
  const { errors } = (await withToken<Problem>(token, 'POST', '/stories', spoilt)).body
  assert.deepEqual(
    errors?.map(({ pointer }) => pointer),
    ['/webhook', '/priority'],
  )
  const { id } = (await app('POST', '/stories', story(), server.key)).body
  const banked = await withToken<Problem>(token, 'POST', '/stories', { ...story(), bank: { id } })
  assert.match(banked.body.detail, /no story/, 'the bank of a story that it has not created')
})

test('a page of another site is refused, whoever has made the token', async () => {
  const token = await tokenOf({ max_stories: 1 })
  const evil = { origin: 'https://evil.example' }
  const refused = await withToken<Problem>(token, 'POST', '/stories', story(), evil)
  assert.deepEqual([refused.status, refused.body.type], [403, '/problems/origin-not-allowed'])
  assert.match(
    refused.body.detail,
    /the client token admits those of https:\/\/app.example, not https:\/\/evil.example/,
  )
  assert.equal((await withToken(token, 'POST', '/stories', story())).headers.get('access-control-allow-origin'), PAGE)
})

test('it ends by itself, with its key, and with the links of its key', async () => {
  const token = await tokenOf({ max_stories: 9, expires_in: 60 })
  const past = { ...readClientToken(token, settings)!, expires: Math.floor(Date.now() / 1000) }
  const expired = await withToken<Problem>(writeClientToken(past, settings), 'POST', '/stories', story())
  assert.deepEqual([expired.status, expired.body.type], [401, '/problems/token-expired'])
  assert.match(expired.body.detail, /the client token expired at 20/)
  const longer = { ...past, expires: past.expires + 1e6 }
  const forged = writeClientToken(longer, { URL_SECRET: ['another secret of the same length ...'] })
  for (const wrong of [
    forged,
    `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`,
    'ff_client_x',
    'ff_client_e30.x',
  ])
    assert.deepEqual(await refusal(wrong, 'POST', '/stories', story()), [401, 'unauthorized', undefined], wrong)

  const gone = await keyOf()
  const [first, second] = [await tokenOf({ max_stories: 1 }, gone.key), await tokenOf({ max_stories: 2 }, gone.key)]
  assert.equal((await withToken(second, 'POST', '/stories', story())).status, 202)
  await app('POST', `/keys/${gone.id}/links/revoke`, undefined, admin)
  for (const ended of [first, second])
    assert.deepEqual(await refusal(ended, 'POST', '/stories', story()), [401, 'unauthorized', undefined])
  const third = await tokenOf({ max_stories: 1 }, gone.key)
  await app('DELETE', `/keys/${gone.id}`, undefined, admin)
  assert.match((await withToken<Problem>(third, 'POST', '/stories', story())).body.detail, /revoked/)
})

test('wrong wishes are refused with what would be right', async () => {
  const sites = await keyOf({ origins: [PAGE] })
  const faults: [object, string, string?][] = [
    [{ origins: [PAGE] }, '/max_stories'],
    [{ origins: [PAGE], max_stories: 1, story: 'a'.repeat(26) }, '/max_stories'],
    [{ max_stories: 1 }, '/origins'],
    [{ origins: ['https://evil.example'], max_stories: 1 }, '/origins/0', sites.key],
    [{ origins: ['app.example'], max_stories: 1 }, '/origins/0'],
    [{ origins: [PAGE], max_stories: 101 }, '/max_stories'],
    [{ origins: [PAGE], max_stories: 1, max_frames: 0 }, '/max_frames'],
    [{ origins: [PAGE], max_stories: 1, expires_in: 59 }, '/expires_in'],
    [{ origins: [PAGE], max_stories: 1, expires_in: 86_401 }, '/expires_in'],
    [{ origins: [PAGE], story: 'a'.repeat(26) }, '/story'],
    [{ origins: [PAGE], story: 'a'.repeat(26), max_frames: 3 }, '/max_frames'],
    [{ origins: [PAGE], max_stories: 1, scopes: [] }, '/scopes'],
  ]
  for (const [wish, pointer, key = server.key] of faults) {
    const problem = await wrong('POST', '/client-tokens', wish, key)
    assert.deepEqual([problem.status, problem.errors?.[0]?.pointer], [422, pointer], JSON.stringify(wish))
  }
  const inherited = await app<ClientToken>('POST', '/client-tokens', { max_stories: 1 }, sites.key)
  assert.deepEqual(inherited.body.origins, [PAGE])
})
