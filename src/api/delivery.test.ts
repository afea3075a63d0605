import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { validateWebhook } from 'replicate'
import { Webhook } from 'standardwebhooks'
import { StoryWebhook } from '../../contract/story.ts'
import { plainPng } from '../../test/png.ts'
import { type Received, testReceiver } from '../../test/receiver.ts'
import { testEdge } from '../../test/worker.ts'

const { app, post, read, claim, held, report, bindings, runCron } = await testEdge()
const receiver = await testReceiver((path, n) => {
  if (path === '/silent') return undefined
  if (path === '/moved') return { status: 301, headers: { location: '/elsewhere' } }
  return { status: path === '/flaky' && n === 0 ? 503 : 200 }
})
const frames = [{ prompt: 'one' }, { prompt: 'two' }]
const secret = (await app<{ key: string }>('GET', '/webhooks/secret')).body.key
const progress = { stage: 'sampling', step: 1, steps: 4, fraction: 0.25 }

const typesOf = (requests: Received[]) => requests.map(({ body }) => StoryWebhook.parse(JSON.parse(body)).type)
const verify = ({ headers, body }: Received) => StoryWebhook.parse(new Webhook(secret).verify(body, headers))

interface Row {
  attempts: number
  next_attempt_at: number | null
  last_status: number | null
  last_error: string | null
}
const rowOf = (id: string) =>
  bindings.DB.prepare('SELECT * FROM webhook_deliveries WHERE id = ?').bind(`msg_${id}_completed`).first<Row>()

/** The row, once a try has been settled. */
async function settled(id: string, attempts: number): Promise<Row> {
  for (;;) {
    const row = await rowOf(id)
    if (row && row.attempts >= attempts && (row.last_status !== null || row.last_error !== null)) return row
    await pause(20)
  }
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
  for (const request of requests) {
    verify(request)
    assert.ok(await validateWebhook(new Request('http://a/', { ...request, method: 'POST' }), secret))
  }
  const last = verify(requests[3]!)
  assert.deepEqual(last.data, await read(id))
  assert.equal(new Set(requests.map(({ headers }) => headers['webhook-id'])).size, 4)
  assert.throws(() => verify({ ...requests[3]!, body: requests[3]!.body.replace('succeeded', 'successful') }))
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

test('what was refused comes again, with the same id and body and a fresh signature', async () => {
  const id = await canceled('/flaky')
  const failed = await settled(id, 1)
  assert.deepEqual([failed.last_status, failed.last_error], [503, 'answered no 2xx'])
  assert.ok(failed.next_attempt_at! > Date.now())
  await bindings.DB.prepare('UPDATE webhook_deliveries SET next_attempt_at = 0 WHERE next_attempt_at IS NOT NULL').run()
  await runCron()
  const [first, second] = await receiver.requests('/flaky', 2)
  assert.equal(second?.headers['webhook-id'], `msg_${id}_completed`)
  assert.deepEqual([first?.headers['webhook-id'], first?.body], [second?.headers['webhook-id'], second?.body])
  assert.equal(verify(second!).type, 'story.canceled')
})

test('a redirect is not followed, and said to be one', async () => {
  const row = await settled(await canceled('/moved'), 1)
  assert.deepEqual([row.last_status, row.last_error], [301, 'redirects to /elsewhere, which is not followed'])
  assert.equal(receiver.received.filter(({ path }) => path === '/elsewhere').length, 0)
})

test('an endpoint that never answers holds up no one else', async () => {
  await canceled('/silent')
  await receiver.requests('/silent', 1)
  const id = await canceled('/prompt')
  const [request] = await receiver.requests('/prompt', 1)
  assert.equal(verify(request!).data.id, id)
})

test('an endpoint that is not there costs the story nothing', async () => {
  const { id } = await post({ frames, webhook: 'http://127.0.0.1:1/' })
  assert.equal((await app('POST', `/stories/${id}/cancel`)).status, 200)
  const row = await settled(id, 1)
  assert.equal(row.last_status, null)
  assert.ok(row.next_attempt_at)
})
