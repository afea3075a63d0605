import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import type { Delivery, DeliveryList, PingResult } from '../../../contract/webhook.ts'
import { DeliveryList as DeliveryListSchema } from '../../../contract/webhook.ts'
import { type ReceiverAnswer, testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, wrong, post, claim, report, otherKey, bindings } = await testEdge()
const receiver = await testReceiver((path, n): ReceiverAnswer | undefined => {
  if (path === '/down') return { status: 500, body: `${'é'.repeat(2000)}` }
  if (path === '/flaky') return { status: n === 0 ? 500 : 200 }
  return { status: 200 }
})
const frames = [{ prompt: 'one' }]

const logOf = async (story: string, apiKey?: string) =>
  DeliveryListSchema.parse(
    (await app<DeliveryList>('GET', `/webhooks/deliveries?story=${story}`, undefined, apiKey)).body,
  ).results

/** The log of a story, once `isDone` holds for its newest message. */
async function logged(story: string, isDone: (delivery: Delivery) => boolean): Promise<Delivery> {
  for (;;) {
    const [newest] = await logOf(story)
    if (newest && isDone(newest)) return newest
    await pause(20)
  }
}
const isDelivered = ({ status }: Delivery) => status === 'delivered'
const isTried = ({ attempts }: Delivery) => attempts.length > 0

async function canceled(path: string): Promise<string> {
  const { id } = await post({ frames, webhook: `${receiver.url}${path}` })
  await app('POST', `/stories/${id}/cancel`)
  return id
}

test('the log shows each attempt, with status, time and the beginning of the answer', async () => {
  const id = await canceled('/down')
  const { attempts, ...delivery } = await logged(id, isTried)
  assert.deepEqual(
    [delivery.id, delivery.story, delivery.type, delivery.status, delivery.error, delivery.sequence, delivery.url],
    [`msg_${id}_completed`, id, 'story.canceled', 'pending', 'answered no 2xx', 1, `${receiver.url}/down`],
  )
  assert.ok(Date.parse(delivery.next_attempt_at!) > Date.now())
  assert.deepEqual([attempts[0]?.status, attempts[0]?.error], [500, 'answered no 2xx'])
  assert.equal(attempts[0]?.response, 'é'.repeat(512), 'one kilobyte of two-byte letters')
  assert.ok(attempts[0]!.ms >= 0)
})

test('a delivered message can be sent again: the same id and body, and its log goes on', async () => {
  const id = await canceled('/again')
  const first = await logged(id, isDelivered)
  const replayed = await app<Delivery>('POST', `/webhooks/deliveries/${first.id}/replay`)
  assert.deepEqual([replayed.status, replayed.body.status], [202, 'pending'])
  const [one, two] = await receiver.requests('/again', 2)
  assert.deepEqual([one?.body, one?.headers['webhook-id']], [two?.body, two?.headers['webhook-id']])
  const second = await logged(id, (delivery) => isDelivered(delivery) && delivery.attempts.length === 2)
  assert.deepEqual(
    second.attempts.map((attempt) => attempt.status),
    [200, 200],
  )
})

test('replaying what is still being tried brings it forward', async () => {
  const id = await canceled('/flaky')
  const { id: message } = await logged(id, isTried)
  await bindings.DB.prepare('UPDATE webhook_deliveries SET next_attempt_at = ? WHERE id = ?')
    .bind(Date.now() + 36_000_000, message)
    .run()
  const { body } = await app<Delivery>('POST', `/webhooks/deliveries/${message}/replay`)
  assert.ok(Date.parse(body.next_attempt_at!) <= Date.now() + 30_000)
})

test('what cannot be replayed is not found', async () => {
  const id = await canceled('/mine')
  await logged(id, isDelivered)
  const other = await otherKey()
  const path = `/webhooks/deliveries/msg_${id}_completed/replay`
  assert.equal((await wrong('POST', path, undefined, other)).status, 404)
  for (const name of ['msg_none', 'none', '..%2F', `msg_${'a'.repeat(200)}`])
    assert.equal((await wrong('POST', `/webhooks/deliveries/${name}/replay`)).status, 404)
  assert.deepEqual(await logOf(id, other), [])
  assert.equal(receiver.received.filter((request) => request.path === '/mine').length, 1)
})

test('the log is paged from new to old, and says what is wrong with a page that it does not know', async () => {
  const key = await otherKey()
  const ids: string[] = []
  for (let i = 0; i < 3; i++) {
    const { body } = await app('POST', '/stories', { frames, webhook: `${receiver.url}/paged` }, key)
    await app('POST', `/stories/${body.id}/cancel`, undefined, key)
    ids.unshift(body.id)
  }
  const pages: string[][] = []
  for (let next: string | null = '/webhooks/deliveries?limit=2'; next; ) {
    const { body }: { body: DeliveryList } = await app<DeliveryList>('GET', next, undefined, key)
    pages.push(body.results.map(({ story }) => story))
    next = body.next
  }
  assert.deepEqual(
    pages.map((page) => page.length),
    [2, 1],
  )
  assert.deepEqual(pages.flat().toSorted(), ids.toSorted())
  for (const query of ['limit=51', 'limit=x', 'cursor=1', 'story=1'])
    assert.equal((await wrong('GET', `/webhooks/deliveries?${query}`)).errors?.[0]?.pointer, `?${query.split('=')[0]}`)
})

test('a ping is signed, and what came of it is the answer', async () => {
  const { key } = (await app<{ key: string }>('GET', '/webhooks/secret')).body
  const ping = (url: string) => app<PingResult>('POST', '/webhooks/ping', { url }).then(({ body }) => body)
  const { id, ms, ...result } = await ping(`${receiver.url}/ping`)
  assert.deepEqual(result, { delivered: true, status: 200, response: 'noted', error: null })
  assert.ok(ms >= 0)
  const [request] = await receiver.requests('/ping', 1)
  assert.equal(request?.headers['webhook-id'], id)
  assert.equal((new Webhook(key).verify(request!.body, request!.headers) as { type: string }).type, 'webhook.ping')
  const refused = await ping(`${receiver.url}/down`)
  assert.deepEqual([refused.delivered, refused.status], [false, 500])
  const absent = await ping('http://127.0.0.1:1/')
  assert.deepEqual([absent.delivered, absent.status], [false, null])
  for (const body of [{}, { url: 'x' }, { url: 'ftp://a/' }, { url: 'https://u:p@a.example/' }, { url: 7 }])
    assert.equal((await wrong('POST', '/webhooks/ping', body)).errors?.[0]?.pointer, '/url')
})

test('while secrets overlap, a webhook can be verified with either; afterwards with the new one', async () => {
  const before = (await app<{ key: string }>('GET', '/webhooks/secret')).body.key
  const rotate = (overlap_hours: number) =>
    app<{ key: string; previous_valid_until: string }>('POST', '/webhooks/secret/rotate', { overlap_hours })
  const { body } = await rotate(2)
  assert.match(body.key, /^whsec_[A-Za-z0-9+/]{43}=$/)
  assert.ok(Math.abs(Date.parse(body.previous_valid_until) - Date.now() - 7_200_000) < 60_000)
  assert.equal((await app<{ key: string }>('GET', '/webhooks/secret')).body.key, body.key)
  await canceled('/overlap')
  const [request] = await receiver.requests('/overlap', 1)
  for (const secret of [before, body.key]) new Webhook(secret).verify(request!.body, request!.headers)

  const last = (await rotate(0)).body.key
  await canceled('/rotated')
  const [later] = await receiver.requests('/rotated', 1)
  new Webhook(last).verify(later!.body, later!.headers)
  for (const secret of [before, body.key])
    assert.throws(() => new Webhook(secret).verify(later!.body, later!.headers), /No matching signature/)
  for (const hours of [-1, 169, '2']) {
    const problem = await wrong('POST', '/webhooks/secret/rotate', { overlap_hours: hours })
    assert.equal(problem.errors?.[0]?.pointer, '/overlap_hours')
  }
})

test('two rotations at once leave a secret that is in force, and one that was', async () => {
  const before = (await app<{ key: string }>('GET', '/webhooks/secret')).body.key
  const rotations = [1, 2].map(() => app<{ key: string }>('POST', '/webhooks/secret/rotate', {}))
  const keys = (await Promise.all(rotations)).map(({ body }) => body.key)
  const now = (await app<{ key: string }>('GET', '/webhooks/secret')).body.key
  assert.ok(keys.includes(now) && now !== before)
})

test('plain http is accepted here, with a warning', async () => {
  const posted = await app<{ warnings?: string[] }>('POST', '/stories', { frames, webhook: `${receiver.url}/http` })
  assert.match(posted.body.warnings?.join() ?? '', /plain http/)
  const silent = await app<{ warnings?: string[] }>('POST', '/stories', { frames })
  assert.equal(silent.body.warnings, undefined)
})

test('a dead endpoint of one key takes nothing from the runner, or from another key', async () => {
  const { id } = await post({ frames, webhook: 'http://127.0.0.1:1/', model: 'story-mini' })
  for (let lease = await claim(); lease; lease = await claim()) {
    const started = await report(lease, 1, 'story.started')
    assert.equal(started.status, 200)
    await report(lease, 2, 'story.failed', { error: { code: 'invalid_story', message: 'no' }, retryable: false })
  }
  await logged(id, ({ status }) => status === 'waiting')
  const [end, start] = await logOf(id)
  assert.deepEqual([end?.sequence, start?.sequence, end?.next_attempt_at], [2, 1, null])
})
