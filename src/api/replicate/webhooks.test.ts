/** Webhooks of predictions, as an app that was written for Replicate receives them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Replicate, { validateWebhook } from 'replicate'
import { Prediction } from '../../../contract/prediction.ts'
import { plainPng } from '../../../test/png.ts'
import { type Received, testReceiver } from '../../../test/receiver.ts'
import { testEdge } from '../../../test/worker.ts'

const { url, key, claim, held, report, bindings } = await testEdge()
const receiver = await testReceiver(() => ({ status: 200 }))
const replicate = new Replicate({ auth: key, baseUrl: `${url}/v1` })
const secret = (await replicate.webhooks.default.secret.get()).key
const model = 'fableframe/story-mini'
const input = { frames: ['one', 'two', 'three'] }
const progress = (step: number) => ({ progress: { stage: 'sampling', step, steps: 12, fraction: step / 12 } })
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
  const { id } = await replicate.predictions.create({ model, input, webhook, webhook_events_filter: [...events] })
  const lease = (await claim())!
  await report(lease, 1, 'story.started')
  for (let step = 0; step < 12; step++) await report(lease, 2 + step, 'story.progress', progress(step))
  for (const index of [0, 1, 2]) await held(lease, 'PUT', `frames/${index}`, await plainPng(index))
  await report(lease, 20, 'story.completed')
  const sql = 'SELECT type, created_at AS at FROM webhook_deliveries WHERE story_id = ? ORDER BY sequence'
  const { results } = await bindings.DB.prepare(sql).bind(id).all<{ type: string; at: number }>()
  const timesOf = (type: string) => results.filter((row) => row.type === `story.${type}`).map(({ at }) => at)
  assert.deepEqual([timesOf('started').length, timesOf('completed').length], [1, 1])
  for (const type of ['progress', 'frame.completed']) {
    const times = timesOf(type)
    assert.ok(times.length >= 1, type)
    for (const [i, at] of times.slice(1).entries()) assert.ok(at - times[i]! >= 500, `${type} at ${times}`)
  }
  assert.ok(timesOf('progress').length < 12)
  const requests = await receiver.requests('/all', results.length)
  assert.equal(bodyOf(requests.at(-1)!).status, 'succeeded')

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
