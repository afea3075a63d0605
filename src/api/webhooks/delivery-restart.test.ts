/** A webhook outlives the edge that was sending it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { startEdge } from '../../../local/edge.ts'
import { randomBytes } from '../../../test/d1.ts'
import { dataFolder } from '../../../test/data-folder.ts'
import { type ReceiverAnswer, testReceiver } from '../../../test/receiver.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../../../test/worker.ts'
import { newApiKey } from '../../db/keys/new-key.ts'

const receiver = await testReceiver((path, n): ReceiverAnswer | undefined => {
  if (n > 0) return { status: 200 }
  return path === '/silent' ? undefined : { status: 500 }
})
const { key: apiKey } = await newApiKey('tests', { now: Date.now, randomBytes })
const env = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, ALLOW_INSECURE_WEBHOOKS: '1' }
const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }

test('the edge stops in the middle of a try, and between two: the next edge sends the same message', async (t) => {
  const { path: dataDir, endWith } = await dataFolder(t)
  const first = await startEdge({ port: 0, dataDir, env, apiKey, cron: false })
  const ids: string[] = []
  for (const path of ['/silent', '/refusing']) {
    const body = JSON.stringify({ frames: [{ prompt: 'one' }], webhook: `${receiver.url}${path}` })
    const { id } = (await (await fetch(`${first.url}/stories`, { method: 'POST', headers, body })).json()) as {
      id: string
    }
    await fetch(`${first.url}/stories/${id}/cancel`, { method: 'POST', headers })
    await receiver.requests(path, 1)
    ids.push(id)
  }
  const statusOf = async (db: typeof first.bindings.DB, id: string | undefined) =>
    (await db.prepare('SELECT status, last_status FROM webhook_deliveries WHERE story_id = ?').bind(id).first()) ?? {}
  while ((await statusOf(first.bindings.DB, ids[1])).last_status !== 500) await pause(20)
  await first.dispose()

  const second = await startEdge({ port: 0, dataDir, env, cron: false })
  endWith(() => second.dispose())
  // As if the hold of the try that was cut off were over, and the pause of the other.
  await second.bindings.DB.prepare('UPDATE webhook_deliveries SET next_attempt_at = 1').run()
  await second.runCron()
  for (const [i, path] of ['/silent', '/refusing'].entries()) {
    const [one, two] = await receiver.requests(path, 2)
    assert.deepEqual([one?.headers['webhook-id'], one?.body], [two?.headers['webhook-id'], two?.body])
    while ((await statusOf(second.bindings.DB, ids[i])).status !== 'delivered') await pause(20)
  }
})
