/** Wrong credentials do not stand in the way of right ones, and credentials can be changed without a gap. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import type { z } from 'zod'
import type { NewKey } from '../../../contract/key.ts'
import type { Problem } from '../../../contract/problem.ts'
import { Claims } from '../../../contract/runner.ts'
import { randomBytes } from '../../../test/d1.ts'
import { testEdge } from '../../../test/worker.ts'
import { newKeyText } from '../../platform/api-key.ts'
import { networkOf } from './guesses.ts'

const lines: string[] = []
const tokens = ['the-first-runner-token', 'the-second-runner-token']
const secrets = ['first', 'second'].map((name) => `whsec_${btoa(`the ${name} secret of the runners in tests`)}`)
const env = {
  RUNNER_TOKEN: tokens.join(),
  RUNNER_WEBHOOK_SECRET: secrets.join(','),
  METRICS_TOKEN: 'the-token-for-metrics',
  RATE_LIMIT_UNAUTHENTICATED: '3',
  RATE_LIMIT_LINK: '5',
  LOG_REQUESTS: '1',
}
const { app, call, post, otherKey, bindings } = await testEdge(env, { log: (line) => lines.push(line) })
const story = { frames: [{ prompt: 'one' }] }

/** Requests come from a network of their own for each test. */
const from = (address: string, authorization: string) => ({ authorization, 'cf-connecting-ip': address })
const asking = async (path: string, address: string, authorization: string, method = 'GET') =>
  (await call(method, path, { headers: from(address, authorization) })).status

test("others' wrong keys do not lock out a key that nobody has used yet", async () => {
  const address = '192.0.2.1'
  const misspelt = await Promise.all(Array.from({ length: 10 }, () => asking('/stories', address, 'Bearer ff_live_x')))
  assert.deepEqual([...new Set(misspelt)].toSorted(), [401, 429])
  const unknown = []
  for (let i = 0; i < 10; i++) unknown.push(await asking('/stories', address, `Bearer ${newKeyText({ randomBytes })}`))
  assert.deepEqual([...new Set(unknown)], [429])
  for (let i = 0; i < 3; i++) assert.equal(await asking('/stories', address, `Bearer ${await otherKey()}`), 200)
})

test('a key that was refused costs no second query, and the queries of an isolate are bounded', async () => {
  const address = '192.0.2.2'
  const key = newKeyText({ randomBytes })
  assert.equal(await asking('/stories', address, `Bearer ${key}`), 401)
  await bindings.DB.prepare('ALTER TABLE api_keys RENAME TO api_keys_gone').run()
  const again = await asking('/stories', address, `Bearer ${key}`)
  await bindings.DB.prepare('ALTER TABLE api_keys_gone RENAME TO api_keys').run()
  assert.equal(again, 401)
})

test('addresses of IPv6 count by their /64', () => {
  const networks = {
    '192.0.2.1': '192.0.2.1',
    '': '',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:0DB8:0001:0002::1': '2001:db8:1:2::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '::1': '0:0:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
    '::ffff:192.0.2.1': '192.0.2.1',
    '64:ff9b::192.0.2.1': '64:ff9b:0:0::/64',
  }
  for (const [address, network] of Object.entries(networks)) assert.equal(networkOf(address), network, address)
})

test('runner and metrics tokens are guessed as slowly, and right ones are never refused', async () => {
  const guesses: [string, string][] = [
    ['/runner/claim', 'POST'],
    ['/metrics', 'GET'],
  ]
  for (const [i, [path, method]] of guesses.entries()) {
    const address = `2001:db8:${i}::`
    const statuses = []
    for (let n = 1; n < 6; n++) statuses.push(await asking(path, `${address}${n}`, 'Bearer wrong', method))
    assert.deepEqual(statuses, [401, 401, 401, 429, 429])
  }
  for (let i = 0; i < 5; i++)
    assert.equal(await asking('/metrics', '2001:db8:1::1', `Bearer ${env.METRICS_TOKEN}`), 200)
  const forged = []
  for (let i = 0; i < 5; i++)
    forged.push((await call('POST', '/runner/webhooks', { headers: from('192.0.2.3', 'none'), body: '{}' })).status)
  assert.deepEqual(forged.slice(3), [429, 429])
})

async function claim(token: string) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const body = JSON.stringify({ runner: 'tests', model: 'story-mini' })
  return call('POST', '/runner/claim', { headers, body })
}

async function start(id: string, lease_token: string, secret: string, token?: string) {
  const at = new Date()
  const data = { story_id: id, lease_token, sequence: 1 }
  const body = JSON.stringify({ type: 'story.started', timestamp: at.toISOString(), data })
  const message = `evt_${lease_token}_${secret.slice(-8)}`
  return call<Problem>('POST', '/runner/webhooks', {
    headers: {
      'content-type': 'application/json',
      'webhook-id': message,
      'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
      'webhook-signature': new Webhook(secret).sign(message, at, body),
      'cf-connecting-ip': '192.0.2.4',
      ...(token && { authorization: `Bearer ${token}` }),
    },
    body,
  })
}

test('several tokens and secrets of runners are good at the same time', async () => {
  for (const [i, token] of tokens.entries()) {
    await post(story)
    const [lease] = Claims.parse((await claim(token)).body).claims
    for (const secret of secrets) assert.equal((await start(lease!.id, lease!.lease_token, secret)).status, 200)
    assert.equal((await start(lease!.id, lease!.lease_token, secrets[i]!, token)).status, 200)
  }
})

test('a runner may have a key of its own: named in the log, revocable, and good for nothing else', async () => {
  const made = await app<z.infer<typeof NewKey>>('POST', '/keys', { name: 'gpu-7', scopes: ['runner'] })
  const { key, id, webhook_secret: secret } = made.body
  const another = await app<z.infer<typeof NewKey>>('POST', '/keys', { name: 'gpu-8', scopes: ['runner'] })
  assert.match(secret ?? '', /^whsec_/)
  await post(story)
  const claimed = await claim(key)
  const [lease] = Claims.parse(claimed.body).claims
  assert.equal((await start(lease!.id, lease!.lease_token, another.body.webhook_secret!, key)).status, 400)
  assert.equal((await start(lease!.id, lease!.lease_token, secret!)).status, 400)
  assert.equal((await start(lease!.id, lease!.lease_token, secret!, key)).status, 200)
  assert.equal((await app<Problem>('GET', '/stories', undefined, key)).status, 403)
  assert.equal(
    (await claim((await app<z.infer<typeof NewKey>>('POST', '/keys', { name: 'app' })).body.key)).status,
    401,
  )
  const log = lines.join('').split('\n')
  assert.ok(log.some((line) => line.includes('/runner/claim') && line.includes(`"key":"${id}","key_name":"gpu-7"`)))
  await app('DELETE', `/keys/${id}`)
  for (let status = 204; status !== 401; ) status = (await claim(key)).status
})

test('requests by signed links are limited by what they lead to', async () => {
  const [one, two] = [await post(story), await post(story)]
  const open = async (link: string) => {
    const response = await fetch(link)
    await response.body?.cancel()
    return response
  }
  const statuses = []
  for (let i = 0; i < 7; i++) statuses.push((await open(one.urls.events)).status)
  assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429])
  assert.equal((await open(two.urls.events)).headers.get('ratelimit-policy'), '"link";q=5;w=60')
})
