/** What a finished story costs the database, webhooks and all, when it is a long one and its app wants to hear everything. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoryWebhook } from '../../contract/story-view.ts'
import { plainPng } from '../../test/png.ts'
import { testReceiver } from '../../test/receiver.ts'
import { testEdge } from '../../test/worker.ts'

const { app, bindings, claim, held, post, report, runCron } = await testEdge()
const receiver = await testReceiver(() => ({ status: 200, body: 'x'.repeat(2000) }))
const FRAMES = 12
/** Bytes: the promise of docs/operations.md. */
const PROMISED = { webhooks: 30_000, rest: 12_000 }

/** Bytes of the values of a table. */
async function bytesOf(table: string): Promise<number> {
  const { results } = await bindings.DB.prepare(`SELECT * FROM ${table}`).all()
  const values = results.flatMap((row) => Object.values(row))
  return values.reduce<number>((sum, value) => sum + Buffer.byteLength(String(value ?? '')), 0)
}

test('a story of twelve frames with all webhooks and progress keeps within its bytes, and each message can be replayed', async () => {
  const webhook_events_filter = ['start', 'frame', 'progress', 'completed'] as const
  const prompt = 'the fox and the crow meet under the old oak tree at the edge of the village, in the evening light'
  const stories = 6
  const ids: string[] = []
  for (let n = 0; n < stories; n++) {
    const webhook = `${receiver.url}/${n}`
    const frames = Array.from({ length: FRAMES }, (_, i) => ({ prompt: `${prompt}, ${i}` }))
    const { id } = await post({ title: 'The fox', frames, webhook, webhook_events_filter: [...webhook_events_filter] })
    ids.push(id)
    const lease = (await claim())!
    await report(lease, 1, 'story.started')
    for (let i = 0; i < FRAMES; i++) {
      for (let step = 0; step < 3; step++)
        await report(lease, 2 + i * 3 + step, 'story.progress', {
          progress: { stage: 'sampling', step, steps: 3, fraction: (i * 3 + step) / (3 * FRAMES) },
        })
      await held(lease, 'PUT', `frames/${i}`, await plainPng(i))
    }
    await report(lease, 100, 'story.completed')
    await receiver.requests(`/${n}`, FRAMES + 3)
  }
  const types = receiver.received.map(({ body }) => StoryWebhook.parse(JSON.parse(body)))
  for (const id of ids) {
    const times = types
      .filter(({ type, data }) => data.id === id && type === 'story.progress')
      .map(({ timestamp }) => Date.parse(timestamp))
    for (const [i, at] of times.slice(1).entries()) assert.ok(at - times[i]! >= 500, `progress at ${times}`)
  }
  // Each has been delivered, and noted as such.
  for (;;) {
    const open = await bindings.DB.prepare(
      "SELECT count(*) AS n FROM webhook_deliveries WHERE status <> 'delivered'",
    ).first<{ n: number }>()
    if (open?.n === 0) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await bindings.DB.prepare('UPDATE webhook_deliveries SET created_at = created_at - 7200000').run()
  await bindings.DB.prepare('UPDATE runner_messages SET received_at = received_at - 7200000').run()
  await runCron()
  const progress = await bindings.DB.prepare(
    "SELECT count(*) AS n FROM webhook_deliveries WHERE type = 'story.progress'",
  ).first<{ n: number }>()
  assert.equal(progress?.n, 0)
  const webhooks = ((await bytesOf('webhook_deliveries')) + (await bytesOf('webhook_attempts'))) / stories
  assert.ok(webhooks <= PROMISED.webhooks, `webhooks of a story take ${webhooks} bytes`)
  const rest = (
    await Promise.all(['stories', 'frames', 'past_frames', 'runner_messages', 'object_deletions'].map(bytesOf))
  ).reduce((a, b) => a + b)
  assert.ok(rest / stories <= PROMISED.rest, `the rest of a story takes ${rest / stories} bytes`)

  for (const name of ['start', 'frame_3', 'completed']) {
    const message = `msg_${ids[0]}_${name}`
    const copies = () => receiver.received.filter(({ headers }) => headers['webhook-id'] === message)
    assert.equal((await app('POST', `/webhooks/deliveries/${message}/replay`)).status, 202)
    while (copies().length < 2) await new Promise((resolve) => setTimeout(resolve, 20))
    assert.equal(copies()[1]?.body, copies()[0]?.body, name)
  }
})
