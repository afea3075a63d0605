import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CompletionReceipts, MAX_CLAIMS } from '../../../contract/runner.ts'
import { plainPng } from '../../../test/png.ts'
import { RUNNER_TOKEN, testEdge } from '../../../test/worker.ts'

const { app, call, claim, held, post, read } = await testEdge()
const story = { frames: [{ prompt: 'a fox reads' }] }
const authorization = `Bearer ${RUNNER_TOKEN}`

function complete(stories: unknown, headers: Record<string, string> = { authorization }) {
  const body = JSON.stringify({ stories })
  return call('POST', '/runner/complete', { headers: { 'content-type': 'application/json', ...headers }, body })
}

async function drawn() {
  await post(story)
  const lease = await claim()
  assert.ok(lease)
  assert.equal((await held(lease, 'PUT', 'frames/0', await plainPng(1))).status, 200)
  return lease
}

test('each completion takes effect or not by itself, and a repeat of them all changes nothing', async () => {
  const [good, canceled, stale] = [await drawn(), await drawn(), await drawn()]
  await app('POST', `/stories/${canceled.id}/cancel`)
  await post(story)
  const bare = await claim()
  assert.ok(bare)
  const stories = [
    { story_id: good.id, lease_token: good.lease_token },
    { story_id: canceled.id, lease_token: canceled.lease_token },
    { story_id: stale.id, lease_token: good.lease_token },
    { story_id: bare.id, lease_token: bare.lease_token },
    { story_id: 'a'.repeat(26), lease_token: stale.lease_token },
  ]
  const outcomes = async () => {
    const { receipts } = CompletionReceipts.parse((await complete(stories)).body)
    assert.deepEqual(
      receipts.map(({ story_id }) => story_id),
      stories.map(({ story_id }) => story_id),
    )
    return receipts.map(({ outcome, status }) => [outcome, status])
  }
  const rest = [
    ['stale-lease', 'running'],
    ['frames-missing', 'running'],
    ['not-found', null],
  ]
  assert.deepEqual(await outcomes(), [['completed', 'succeeded'], ['completed', 'canceled'], ...rest])
  const { version } = await read(good.id)
  assert.deepEqual(await outcomes(), [['duplicate', 'succeeded'], ['duplicate', 'canceled'], ...rest])
  assert.equal((await read(good.id)).version, version)
  assert.deepEqual([(await read(stale.id)).status, (await read(bare.id)).status], ['running', 'running'])
})

test('the same completions at the same time take effect once', async () => {
  const lease = await drawn()
  const stories = [{ story_id: lease.id, lease_token: lease.lease_token }]
  const answers = await Promise.all(Array.from({ length: 8 }, () => complete(stories)))
  const outcomes = answers.map(({ body }) => CompletionReceipts.parse(body).receipts[0]?.outcome)
  assert.deepEqual(outcomes.sort(), ['completed', ...Array(7).fill('duplicate')])
})

test('what is no list of leases is refused, and so is who is no runner', async () => {
  const one = { story_id: 'a'.repeat(26), lease_token: 'b'.repeat(32) }
  for (const stories of [
    [],
    'none',
    [{ ...one, story_id: 7 }],
    [{ story_id: one.story_id }],
    Array(MAX_CLAIMS + 1).fill(one),
  ])
    assert.equal((await complete(stories)).status, 422)
  assert.equal((await complete([{ ...one, later: 1 }])).status, 200, 'a field that a later runner may send')
  assert.equal((await complete([one], { authorization: 'Bearer not-the-token' })).status, 401)
})
