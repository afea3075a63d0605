/** The edge is killed in every step of a story's life; who got no answer asks again, as clients do. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import { Claims, LEASE_HEADER, SEED_HEADER } from '../contract/runner.ts'
import { AcceptedStory, Story, StoryWebhook } from '../contract/story-view.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { randomBytes } from '../test/d1.ts'
import { dataFolder } from '../test/data-folder.ts'
import { testReceiver } from '../test/receiver.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../test/worker.ts'
import { pngOf } from './chaos/png.ts'
import { startEdgeChild } from './edge-child.ts'

const receiver = await testReceiver(() => ({ status: 204 }))
const { key: apiKey } = await newApiKey('tests', { now: Date.now, randomBytes })
const settings = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, apiKey, ALLOW_INSECURE_WEBHOOKS: '1', LEASE_SECONDS: '3600' }
const app = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
const runner = { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' }

test('the edge is killed in the middle of each step of a story, and nothing is lost or done twice', async (t) => {
  const { path: dataDir, endWith } = await dataFolder(t)
  let edge = await startEdgeChild('0', dataDir, settings)
  endWith(() => edge.kill())
  const { url } = edge

  const body = JSON.stringify({
    frames: [{ prompt: 'one' }, { prompt: 'two' }],
    webhook: `${receiver.url}/app`,
    webhook_events_filter: ['completed'],
  })
  const post = { method: 'POST', headers: { ...app, 'idempotency-key': 'once' }, body }
  const { id } = AcceptedStory.parse(await killedIn('/stories', post))
  const listed = await ask('/stories', { headers: app })
  assert.equal((listed as { results: unknown[] }).results.length, 1)

  // The answer to a claim that is lost comes back with its lease, which takes longer than a test may.
  const wanted = { method: 'POST', headers: runner, body: JSON.stringify({ runner: 'tests', model: 'story-mini' }) }
  const claim = Claims.parse(await ask('/runner/claim', wanted)).claims[0]!
  const held = { ...runner, [LEASE_HEADER]: claim.lease_token }
  await killedIn(`/runner/stories/${id}/heartbeat`, { method: 'POST', headers: held })

  const pictures = [pngOf(1), pngOf(2)]
  const upload = (index: number) => ({
    method: 'PUT',
    headers: { ...held, [SEED_HEADER]: '1', 'content-type': 'image/png' },
    body: pictures[index]!,
  })
  await ask('/runner/webhooks', event('story.started', 1))
  await killedIn(`/runner/stories/${id}/frames/0`, upload(0))
  await ask(`/runner/stories/${id}/frames/1`, upload(1))
  await killedIn('/runner/webhooks', event('story.completed', 2))

  const story = Story.parse(await ask(`/stories/${id}`, { headers: app }))
  assert.deepEqual([story.status, story.frames.map(({ status }) => status)], ['succeeded', ['succeeded', 'succeeded']])
  for (const [index, picture] of pictures.entries()) {
    const kept = await (await fetch(`${url}/stories/${id}/frames/${index}.png`, { headers: app })).arrayBuffer()
    assert.equal(hashOf(new Uint8Array(kept)), hashOf(picture))
  }
  await receiver.requests('/app', 1)
  const announced = receiver.received.map(({ headers, body }) => ({
    id: headers['webhook-id'],
    ...StoryWebhook.parse(JSON.parse(body)),
  }))
  assert.equal(new Set(announced.map(({ id }) => id)).size, 1)
  assert.deepEqual([announced[0]?.type, announced[0]?.data.status], ['story.completed', 'succeeded'])

  /** Kill the edge while the request is under way, start it again, and ask again. */
  async function killedIn(path: string, init: RequestInit): Promise<unknown> {
    const cutOff = fetch(url + path, init).catch(() => undefined)
    await sleep(10 * Math.random())
    await edge.kill()
    await cutOff
    edge = await startEdgeChild(new URL(url).port, dataDir, settings)
    return ask(path, init)
  }

  async function ask(path: string, init: RequestInit): Promise<unknown> {
    const answer = await fetch(url + path, init)
    assert.ok(answer.ok, `${path}: ${answer.status}`)
    return answer.json()
  }

  function event(type: string, sequence: number): RequestInit {
    const data = { story_id: id, lease_token: claim.lease_token, sequence }
    const text = JSON.stringify({ type, timestamp: new Date().toISOString(), data })
    const sent = new Date()
    const webhookId = `evt_${sequence}`
    const headers = {
      'content-type': 'application/json',
      'webhook-id': webhookId,
      'webhook-timestamp': String(Math.floor(sent.getTime() / 1000)),
      'webhook-signature': new Webhook(RUNNER_WEBHOOK_SECRET).sign(webhookId, sent, text),
    }
    return { method: 'POST', headers, body: text }
  }
})

const hashOf = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex')
