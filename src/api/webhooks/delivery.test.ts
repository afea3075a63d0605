import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { validateWebhook } from 'replicate'
import { Webhook } from 'standardwebhooks'
import { Webhook as SvixWebhook } from 'svix'
import { type Story, StoryWebhook } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { type Received, type ReceiverAnswer, testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, post, read, claim, held, report, bindings, runCron } = await testEdge()
const receiver = await testReceiver((path, n): ReceiverAnswer | undefined => {
  if (path === '/silent') return undefined
  if (path === '/busy') return { status: 429, headers: { 'retry-after': '3600' } }
  if (path === '/gone') return { status: n === 0 ? 410 : 200 }
  if (path === '/forgotten') return n === 0 ? { status: 500, headers: { 'retry-after': '3600' } } : { status: 200 }
  if (path === '/moved') return { status: 301, headers: { location: '/elsewhere' } }
  return { status: path === '/flaky' && n === 0 ? 503 : 200 }
})
const frames = [{ prompt: 'one' }, { prompt: 'two' }]
const secret = (await app<{ key: string }>('GET', '/webhooks/secret')).body.key
const progress = { stage: 'sampling', step: 1, steps: 4, fraction: 0.25 }

const typesOf = (requests: Received[]) => requests.map(({ body }) => StoryWebhook.parse(JSON.parse(body)).type)
const verify = ({ headers, body }: Received) => StoryWebhook.parse(new Webhook(secret).verify(body, headers))

const rowOf = (id: string) =>
  bindings.DB.prepare('SELECT * FROM webhook_deliveries WHERE id = ?')
    .bind(`msg_${id}_completed`)
    .first<{ attempts: number; status: string; next_attempt_at: number; last_status: number; last_error: string }>()

/** The row, once a try has been settled. */
async function settled(id: string, attempts = 1) {
  for (;;) {
    const row = await rowOf(id)
    if (row && row.attempts >= attempts && (row.last_status !== null || row.last_error !== null)) return row
    await pause(20)
  }
}

async function delivered(id: string): Promise<void> {
  while ((await rowOf(id))?.status !== 'delivered') await pause(20)
}

/** Whether each of three foreign verifiers takes a request for genuine. */
async function judge({ headers, body }: Received): Promise<boolean[]> {
  const accepts = (verify: () => unknown) => {
    try {
      verify()
      return true
    } catch {
      return false
    }
  }
  return [
    accepts(() => new Webhook(secret).verify(body, headers)),
    accepts(() => new SvixWebhook(secret).verify(body, headers)),
    await validateWebhook(new Request('http://a/', { headers, body, method: 'POST' }), secret),
  ]
}

async function canceled(path: string) {
  const { id } = await post({ frames, webhook: `${receiver.url}${path}` })
  await app('POST', `/stories/${id}/cancel`)
  return id
}

test('an app hears of the start, of each frame and of the end, signed, with the story as GET shows it', async () => {
  const { id } = await post({ frames, webhook: `${receiver.url}/whole` })
  const lease = (await claim())!
  await report(lease, 1, 'story.started')
  await report(lease, 2, 'story.progress', { progress })
  await receiver.requests('/whole', 1)
  for (const index of [0, 1]) {
    await held(lease, 'PUT', `frames/${index}`, await plainPng(1))
    await receiver.requests('/whole', 2 + index)
  }
  await report(lease, 3, 'story.completed')
  const requests = await receiver.requests('/whole', 4)
  assert.deepEqual(typesOf(requests), [
    'story.started',
    'story.frame.completed',
    'story.frame.completed',
    'story.completed',
  ])
  assert.deepEqual(
    requests.map(({ body }) => StoryWebhook.parse(JSON.parse(body)).sequence),
    [1, 2, 3, 4],
  )
  for (const request of requests) {
    assert.deepEqual(await judge(request), [true, true, true])
    const position = request.body.length >> 1
    const spoilt = String.fromCharCode(request.body.charCodeAt(position) ^ 1)
    const body = request.body.slice(0, position) + spoilt + request.body.slice(position + 1)
    assert.deepEqual(await judge({ ...request, body }), [false, false, false])
  }
  const last = verify(requests[3]!)
  assert.deepEqual(last.data, await read(id))
  assert.equal(new Set(requests.map(({ headers }) => headers['webhook-id'])).size, 4)
})

test('an app hears only what it asked for', async () => {
  const { id } = await post({
    frames,
    webhook: `${receiver.url}/picky`,
    webhook_events_filter: ['progress', 'completed'],
  })
  const lease = (await claim())!
  assert.equal(lease.id, id)
  await report(lease, 1, 'story.started')
  await report(lease, 2, 'story.progress', { progress })
  await receiver.requests('/picky', 1)
  await report(lease, 3, 'story.failed', { error: { code: 'invalid_story', message: 'no' }, retryable: false })
  const requests = await receiver.requests('/picky', 2)
  assert.deepEqual(typesOf(requests), ['story.progress', 'story.failed'])
  assert.deepEqual(verify(requests[1]!).data.error, { code: 'invalid_story', message: 'no' })
})

test('what was refused comes again by itself, with the same id and body and a fresh signature', async () => {
  const id = await canceled('/flaky')
  const failed = await settled(id)
  assert.deepEqual([failed.status, failed.last_status, failed.last_error], ['pending', 503, 'answered no 2xx'])
  const pause = failed.next_attempt_at - Date.now()
  assert.ok(pause > 0 && pause < 6_000, `${pause} ms`)
  // No cron in tests unless they run it: it is the alarm of the Durable Object that comes.
  const [first, second] = await receiver.requests('/flaky', 2)
  assert.equal(second?.headers['webhook-id'], `msg_${id}_completed`)
  assert.deepEqual([first?.headers['webhook-id'], first?.body], [second?.headers['webhook-id'], second?.body])
  assert.notEqual(first?.headers['webhook-timestamp'], second?.headers['webhook-timestamp'])
  assert.equal(verify(second!).type, 'story.canceled')
  await delivered(id)
  assert.equal(receiver.received.filter(({ path }) => path === '/flaky').length, 2)
})

test('a redirect is not followed, and said to be one', async () => {
  const row = await settled(await canceled('/moved'))
  assert.deepEqual([row.last_status, row.last_error], [301, 'redirects to /elsewhere, which is not followed'])
  assert.equal(receiver.received.filter(({ path }) => path === '/elsewhere').length, 0)
})

test('Retry-After is honoured', async () => {
  const row = await settled(await canceled('/busy'))
  assert.equal(row.last_status, 429)
  assert.ok(row.next_attempt_at > Date.now() + 3_000_000)
})

test('410 Gone ends it for that URL, until a ping succeeds', async () => {
  const row = await settled(await canceled('/gone'))
  assert.deepEqual([row.status, row.last_error], ['failed', 'answered 410 Gone: nothing more is sent there'])
  const warned = await app<Story & { warnings?: string[] }>('POST', '/stories', {
    frames,
    webhook: `${receiver.url}/gone`,
  })
  assert.match(warned.body.warnings?.join() ?? '', /410 Gone/)
  await app('POST', `/stories/${warned.body.id}/cancel`)
  assert.match((await settled(warned.body.id)).last_error, /410 Gone at .*ping it to resume/)
  assert.equal(receiver.received.filter(({ path }) => path === '/gone').length, 1)
  const ping = await app<{ delivered: boolean }>('POST', '/webhooks/ping', { url: `${receiver.url}/gone` })
  assert.equal(ping.body.delivered, true)
  await delivered(await canceled('/gone'))
})

test('an endpoint that never answers holds up neither another endpoint, nor a story of the same one', async () => {
  await canceled('/silent')
  await receiver.requests('/silent', 1)
  const id = await canceled('/prompt')
  const [request] = await receiver.requests('/prompt', 1)
  assert.equal(verify(request!).data.id, id)
})

test('more stories than are sent at once all arrive, each of its events once and in order', async () => {
  const ids = await Promise.all(Array.from({ length: 20 }, () => canceled('/many')))
  const requests = await receiver.requests('/many', 20)
  assert.deepEqual(requests.map((request) => verify(request).data.id).toSorted(), ids.toSorted())
  await Promise.all(ids.map(delivered))
  assert.equal(receiver.received.filter(({ path }) => path === '/many').length, 20)
})

test('an endpoint that is not there costs the story nothing', async () => {
  const { id } = await post({ frames, webhook: 'http://127.0.0.1:1/' })
  assert.equal((await app('POST', `/stories/${id}/cancel`)).status, 200)
  const row = await settled(id)
  assert.equal(row.last_status, null)
  assert.ok(row.next_attempt_at)
})

test('when the alarm of a sender is lost, cron sends what is due', async () => {
  const id = await canceled('/forgotten')
  await settled(id)
  // As if the alarm had been for a time that D1 no longer names.
  await bindings.DB.prepare('UPDATE webhook_deliveries SET next_attempt_at = 1 WHERE id = ?')
    .bind(`msg_${id}_completed`)
    .run()
  await runCron()
  await receiver.requests('/forgotten', 2)
  await delivered(id)
})
