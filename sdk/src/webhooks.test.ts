/** Webhooks of the edge, and of the reference implementation of their standard. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Webhook } from 'standardwebhooks'
import { startDrawing } from '../../test/drawing-runner.ts'
import { testReceiver } from '../../test/receiver.ts'
import { testEdge } from '../../test/worker.ts'
import { Fableframe, verifyWebhook, WebhookVerificationError } from './index.ts'

const edge = await testEdge()
const client = new Fableframe({ apiKey: edge.key, baseUrl: edge.url })

test('a message of the edge is verified with the secret of the key', async () => {
  const hooks = await testReceiver(() => ({ status: 200 }))
  startDrawing(edge, 'story-mini')
  const webhook = `${hooks.url}/hooks`
  const { id } = await client.stories.create({
    frames: [{ prompt: 'a fox' }],
    webhook,
    webhook_events_filter: ['completed'],
  })
  const [message] = await hooks.requests('/hooks', 1)
  const { type, data } = await client.webhooks.verify(message!.body, message!.headers, await client.webhooks.secret())
  assert.deepEqual([type, data.id, data.frames[0]?.status], ['story.completed', id, 'succeeded'])
})

const secret = `whsec_${btoa('a secret of an app')}`
const body = '{"type":"story.started","note":"né"}'
const now = Date.parse('2026-11-29T12:00:00Z')
const headersOf = (at = now, signature = new Webhook(secret).sign('msg_1', new Date(at), body)) => ({
  'webhook-id': 'msg_1',
  'webhook-timestamp': String(Math.floor(at / 1000)),
  'webhook-signature': signature,
})
const verify = (
  given: Parameters<typeof verifyWebhook>[0],
  headers: Parameters<typeof verifyWebhook>[1],
  using = secret,
) => verifyWebhook(given, headers, using, now)

test('bodies as text and bytes, headers of any kind, and one good signature of several', async () => {
  const bytes = new TextEncoder().encode(body)
  const headers = headersOf()
  const several = `v1,${btoa('x'.repeat(32))} v2,abc ${headers['webhook-signature']}`
  for (const given of [body, bytes, bytes.buffer])
    assert.equal((await verify(given, new Headers(headers))).type, 'story.started')
  await verify(body, { ...headersOf(now, several), host: ['a', 'b'] })
  const shouted = Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toUpperCase(), value]))
  await verify(body, shouted)
})

test('what is forged, stale, from the future or incomplete is refused with the reason', async () => {
  const refused = async (message: RegExp, ...args: Parameters<typeof verify>) =>
    assert.rejects(verify(...args), (error) => error instanceof WebhookVerificationError && message.test(error.message))
  await refused(/no signature fits/, `${body} `, headersOf())
  await refused(/no signature fits/, body, headersOf(), `whsec_${btoa('another')}`)
  await refused(/no signature fits/, body, headersOf(now, 'v1,not*base64'))
  await refused(/no signature fits/, body, { ...headersOf(), 'webhook-id': 'msg_2' })
  await refused(/301 seconds old/, body, headersOf(now - 301_000))
  await refused(/from the future/, body, headersOf(now + 301_000))
  await refused(/webhook-timestamp is not a number/, body, { ...headersOf(), 'webhook-timestamp': 'soon' })
  await refused(/the header webhook-signature is missing/, body, { ...headersOf(), 'webhook-signature': undefined })
  await refused(/must be whsec_ and base64/, body, headersOf(), 'whsec_%')
})
