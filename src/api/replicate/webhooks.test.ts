/** Webhooks of predictions, as an app that was written for Replicate receives them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import Replicate, { validateWebhook } from 'replicate'
import { Prediction } from '../../../contract/prediction.ts'
import { plainPng } from '../../../test/png.ts'
import { type Received, testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'

const { url, key, claim, held, report } = await testEdge()
const receiver = await testReceiver(() => ({ status: 200 }))
const replicate = new Replicate({ auth: key, baseUrl: `${url}/v1` })
const secret = (await replicate.webhooks.default.secret.get()).key
const model = 'fableframe/story-mini'
const input = { frames: ['one', 'two', 'three'] }
const progress = (step: number) => ({ progress: { stage: 'sampling', step, steps: 3, fraction: step / 3 } })
const bodyOf = ({ body }: Received) => Prediction.parse(JSON.parse(body))

test('the body is the prediction as GET shows it, signed so that validateWebhook accepts it', async () => {
  const webhook = `${receiver.url}/whole`
  const { id } = await replicate.predictions.create({ model, input, webhook })
  const lease = (await claim())!
  for (const index of [0, 1, 2]) await held(lease, 'PUT', `frames/${index}`, await plainPng(index))
  await report(lease, 1, 'story.completed')
  const requests = await receiver.requests('/whole', 2)
  const last = requests.at(-1)!
  assert.deepEqual(bodyOf(last), await replicate.predictions.get(id))
  assert.deepEqual([bodyOf(last).status, bodyOf(last).output?.length], ['succeeded', 3])
  assert.deepEqual([bodyOf(last).webhook, bodyOf(last).webhook_events_filter], [webhook, ['output', 'completed']])
  for (const request of requests) {
    const whole = { ...request, method: 'POST' }
    assert.ok(await validateWebhook(new Request('http://a/', whole), secret))
    const spoilt = { ...whole, body: request.body.replace('api', 'web') }
    assert.equal(await validateWebhook(new Request('http://a/', spoilt), secret), false)
  }
})

test('webhook_events_filter: what was asked for; outputs and logs at most every half second, the rest always', async () => {
  const webhook = `${receiver.url}/all`
  const events = ['start', 'output', 'logs', 'completed'] as const
  await replicate.predictions.create({ model, input, webhook, webhook_events_filter: [...events] })
  const lease = (await claim())!
  await report(lease, 1, 'story.started')
  for (const step of [0, 1, 2]) {
    await report(lease, 2 + step, 'story.progress', progress(step))
    await held(lease, 'PUT', `frames/${step}`, await plainPng(step))
    // The second picture comes within the half second of the first, the third does not.
    if (step === 1) await pause(600)
  }
  await report(lease, 9, 'story.completed')
  await receiver.requests('/all', 6)
  await pause(100)
  const ids = receiver.received.filter(({ path }) => path === '/all').map(({ headers }) => headers['webhook-id'])
  const kinds = ids.map((id) => id?.split('_')[2])
  assert.deepEqual(kinds.toSorted(), ['completed', 'frame', 'frame', 'progress', 'progress', 'start'])
  assert.equal(kinds.at(-1), 'completed')

  await replicate.predictions
    .create({ model, input, webhook: `${receiver.url}/end`, webhook_events_filter: ['completed'] })
    .then(({ id }) => replicate.predictions.cancel(id))
  const [only] = await receiver.requests('/end', 1)
  assert.equal(bodyOf(only!).status, 'canceled')
})

test('a webhook that is none is refused before anything is queued', async () => {
  const wrong = (webhook: string) => replicate.predictions.create({ model, input, webhook })
  await assert.rejects(wrong('ftp://app.example/'), /422 .*"pointer":"\/webhook"/)
  await assert.rejects(wrong('http://me@app.example/'), /422 .*user name/)
})
