import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Problem } from '../../../contract/problem.ts'
import { testEdge } from '../../../test/worker.ts'
import { RateLimiter } from './rate-limiter.ts'

const story = { frames: [{ prompt: 'one' }] }

test('a quota may be spent at once, and comes back evenly over a minute', () => {
  const limiter = new RateLimiter()
  const policy = { name: 'create', quota: 6 }
  const take = (now: number) => limiter.take('a', policy, now)
  assert.deepEqual(take(0), { admitted: true, remaining: 5, resetMs: 10_000 })
  for (let i = 0; i < 5; i++) assert.ok(take(0).admitted)
  assert.deepEqual(take(4_000), { admitted: false, remaining: 0, resetMs: 6_000 })
  assert.ok(take(10_000).admitted)
  assert.ok(!take(10_000).admitted)
  assert.ok(!take(5_000).admitted, 'a clock that goes back gives nothing')
  assert.equal(take(600_000).remaining, 5)
  assert.ok(limiter.take('b', policy, 0).admitted)
  assert.ok(limiter.take('a', { name: 'read', quota: 1 }, 0).admitted)
})

test('a clock that is set back does not stop the refilling', () => {
  const limiter = new RateLimiter()
  const take = (now: number) => limiter.take('a', { name: 'create', quota: 60 }, now).admitted
  for (let i = 0; i < 60; i++) assert.ok(take(3_600_000))
  assert.ok(!take(0))
  assert.ok(take(1_000))
})

test('what was given back can be taken again; memory is bounded', () => {
  const limiter = new RateLimiter()
  const one = { name: 'x', quota: 1 }
  assert.ok(limiter.take('a', one, 0).admitted)
  limiter.giveBack('a', one)
  assert.ok(limiter.take('a', one, 0).admitted)
  for (let i = 0; i < 10_000; i++) limiter.take(`other ${i}`, one, 0)
  assert.ok(limiter.take('a', one, 0).admitted, 'the longest unused was forgotten')
})

test('a key that is over its limit is refused without a query, with the time to come back', async () => {
  const { app, bindings, call, key, otherKey } = await testEdge({ RATE_LIMIT_CREATE: '3' })
  const answers = [await app('POST', '/stories', story)]
  assert.equal(answers[0]?.headers.get('ratelimit-policy'), '"create";q=3;w=60')
  assert.match(answers[0]?.headers.get('ratelimit') ?? '', /^"create";r=2;t=\d+$/)
  answers.push(...(await Promise.all(Array.from({ length: 6 }, () => app('POST', '/stories', story)))))
  assert.deepEqual(
    [202, 429].map((status) => answers.filter((answer) => answer.status === status).length),
    [3, 4],
  )
  await bindings.DB.prepare('ALTER TABLE api_keys RENAME TO api_keys_gone').run()
  const refused = await app('POST', '/stories', story)
  await bindings.DB.prepare('ALTER TABLE api_keys_gone RENAME TO api_keys').run()
  const problem = Problem.parse(refused.body)
  const seconds = problem.retry_after ?? 0
  assert.ok(seconds >= 1 && seconds <= 20)
  assert.deepEqual(
    [problem.status, problem.title, problem.type, problem.detail],
    [
      429,
      'Too Many Requests',
      '/problems/rate-limited',
      `Request was throttled. Your rate limit resets in ~${seconds}s.`,
    ],
  )
  const expected = { 'retry-after': `${seconds}`, 'ratelimit-remaining': '0', 'ratelimit-reset': `${seconds}` }
  for (const [name, value] of Object.entries(expected)) assert.equal(refused.headers.get(name), value, name)
  assert.equal(refused.headers.get('ratelimit'), `"create";r=0;t=${seconds}`)
  assert.equal((await app('GET', '/stories')).status, 200, 'reading has a limit of its own')
  assert.equal((await app('POST', '/stories', story, await otherKey())).status, 202)
  const limited = await call('POST', '/stories', { headers: { authorization: `Bearer ${key}` } })
  assert.equal(limited.status, 429)
})

test('polling is not throttled: fifty stories twice a second', async () => {
  const { app } = await testEdge()
  const polls = await Promise.all(Array.from({ length: 100 }, () => app('GET', '/stories?limit=1')))
  assert.deepEqual([...new Set(polls.map(({ status }) => status))], [200])
  assert.match(polls.at(-1)?.headers.get('ratelimit') ?? '', /^"read";r=59\d{3};t=1$/)
})

test('guesses are limited by address, and do not keep out a key that is in force', async () => {
  const { app, call, key } = await testEdge({ RATE_LIMIT_UNAUTHENTICATED: '3' })
  assert.equal((await app('GET', '/stories')).status, 200)
  const guess = (authorization: string, address = '192.0.2.1') =>
    call('GET', '/stories', { headers: { authorization, 'cf-connecting-ip': address } })
  const unknown = 'Bearer ff_live_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'
  const statuses = [
    await guess('nonsense'),
    await guess('Bearer ff_live_x'),
    await guess(unknown),
    await guess(unknown),
  ]
  assert.deepEqual(
    statuses.map(({ status }) => status),
    [401, 401, 401, 429],
  )
  assert.equal((await guess(`Bearer ${key}`)).status, 200)
  assert.equal((await guess(unknown, '192.0.2.2')).status, 401)
})
