/** Claims that wait: what makes a story claimable wakes them, and one that nobody waits for any more takes none. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Claim, Claims } from '../../../contract/runner.ts'
import { drawingAbilities } from '../../../test/drawing-model.ts'
import { RUNNER_TOKEN, testEdge } from '../../../test/worker.ts'

const models = [
  'posted',
  'released',
  'resumed',
  'expired',
  'goodbye',
  'two',
  'gone',
  'avoided',
  'capped',
  'other',
  'limited',
  'cron',
]
const edge = await testEdge({ LEASE_SECONDS: '1', MODELS: models.join() })
const { app, call, held, report, bindings } = edge
const headers = { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' }
const story = (model: string) => ({ frames: [{ prompt: 'one' }], model })
const post = async (model: string) => (await edge.post(story(model))).id

/** A claim of a runner of that name, for up to 60 seconds. */
async function wait(model: string, runner: string, init: RequestInit = {}): Promise<Claim | undefined> {
  const body = JSON.stringify({ runner, model, wait: 60, protocol: 2 })
  const answer = await call('POST', '/runner/claim', { headers, body, ...init })
  return answer.status === 204 ? undefined : Claims.parse(answer.body).claims[0]
}

/** The claim of a runner that has looked, found nothing and waits. */
async function waiting(
  model: string,
  runner: string,
  init: RequestInit = {},
): Promise<{ claim: Promise<Claim | undefined> }> {
  const announced = { runner, protocol: 2, model: { name: model, abilities: drawingAbilities } }
  await call('POST', '/runner/announce', { headers, body: JSON.stringify(announced) })
  const before = await seenAt(runner)
  const claim = wait(model, runner, init)
  claim.catch(() => {})
  // Its look notes that the runner is there.
  while ((await seenAt(runner)) === before) await new Promise((resolve) => setTimeout(resolve, 20))
  return { claim }
}

const seenAt = async (runner: string) =>
  (await bindings.DB.prepare('SELECT seen_at AS at FROM runners WHERE name = ?').bind(runner).first<{ at: number }>())
    ?.at

test('a story that is posted', async () => {
  const { claim } = await waiting('posted', 'a')
  const id = await post('posted')
  assert.equal((await claim)?.id, id)
})

test('a story that another runner releases', async () => {
  const id = await post('released')
  const first = (await wait('released', 'a'))!
  const { claim } = await waiting('released', 'b')
  await held(first, 'POST', 'release')
  assert.equal((await claim)?.id, id)
})

test('a story that is resumed', async () => {
  const id = await post('resumed')
  await app('POST', `/stories/${id}/cancel`)
  const { claim } = await waiting('resumed', 'a')
  await app('POST', `/stories/${id}/resume`)
  assert.equal((await claim)?.id, id)
})

test('a story whose lease runs out, without cron', async () => {
  const id = await post('expired')
  await wait('expired', 'dies')
  const { claim } = await waiting('expired', 'b')
  assert.equal((await claim)?.id, id)
})

test('a story of a key at its cap, when the cap is raised', async () => {
  const { key, id: keyId } = (
    await app<{ key: string; id: string }>('POST', '/keys', { name: 'capped', max_running: 1 })
  ).body
  const ids = [0, 1].map(async () => (await app('POST', '/stories', story('capped'), key)).body.id)
  const posted = await Promise.all(ids)
  const first = (await wait('capped', 'a'))!
  await held(first, 'POST', 'heartbeat')
  const { claim } = await waiting('capped', 'b')
  await app('PATCH', `/keys/${keyId}`, { max_running: 2 })
  assert.deepEqual([first.id, (await claim)?.id].sort(), posted.sort())
})

test('a story of a key at its cap, when a story of another model ends', async () => {
  const { key } = (await app<{ key: string }>('POST', '/keys', { name: 'capped', max_running: 1 })).body
  const posted = async (model: string) => (await app('POST', '/stories', story(model), key)).body.id
  await posted('other')
  const first = (await wait('other', 'a'))!
  // A lease that does not run out meanwhile.
  const later = Date.now() + 60_000
  await bindings.DB.prepare('UPDATE stories SET claimable_at = ? WHERE id = ?').bind(later, first.id).run()
  const id = await posted('limited')
  const { claim } = await waiting('limited', 'b')
  const error = { code: 'invalid_story', message: 'no' }
  await report(first, 1, 'story.failed', { error, retryable: false })
  assert.equal((await claim)?.id, id)
})

test('a story of which no word came: cron wakes', async () => {
  const { claim } = await waiting('cron', 'a')
  // As if the wake-up had been lost: the row alone is there.
  const [id, other] = [await post('posted'), 'cron']
  await bindings.DB.prepare('UPDATE queue_shares SET ready = 1, model = ? WHERE model = ?').bind(other, 'posted').run()
  await bindings.DB.prepare('UPDATE stories SET model = ? WHERE id = ?').bind(other, id).run()
  await edge.runCron()
  assert.equal((await claim)?.id, id)
})

test('goodbye ends the wait, and the story goes to another runner', async () => {
  const { claim } = await waiting('goodbye', 'a')
  await call('POST', '/runner/goodbye', { headers, body: JSON.stringify({ runner: 'a' }) })
  assert.equal(await claim, undefined)
  const id = await post('goodbye')
  assert.equal((await wait('goodbye', 'b'))?.id, id)
})

test('of two that wait, each gets one of two stories', async () => {
  const one = await waiting('two', 'a')
  const two = await waiting('two', 'b')
  const first = await post('two')
  assert.equal((await Promise.race([one.claim, two.claim]))?.id, first)
  const second = await post('two')
  assert.deepEqual((await Promise.all([one.claim, two.claim])).map((claim) => claim?.id).sort(), [first, second].sort())
})

test('a runner that has hung up takes no story from one that waits', async () => {
  const hangUp = new AbortController()
  const gone = await waiting('gone', 'a', { signal: hangUp.signal })
  const { claim } = await waiting('gone', 'b')
  hangUp.abort()
  await assert.rejects(gone.claim)
  const id = await post('gone')
  const lease = (await claim)!
  assert.deepEqual([lease.id, lease.attempt], [id, 1])
})

test('a story that is not for the first that waits goes to the next', async () => {
  const id = await post('avoided')
  const first = (await wait('avoided', 'a'))!
  await report(first, 1, 'story.started')
  const again = await waiting('avoided', 'a')
  const { claim } = await waiting('avoided', 'b')
  const error = { code: 'not_finite', message: 'overflow' }
  await report(first, 2, 'story.failed', { error, retryable: true })
  assert.equal((await claim)?.id, id)
  await call('POST', '/runner/goodbye', { headers, body: JSON.stringify({ runner: 'a' }) })
  assert.equal(await again.claim, undefined)
})
