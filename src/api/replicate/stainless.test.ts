/** replicate-stainless, Replicate's generated client, pointed at the edge by its environment variables alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Stainless from 'replicate-stainless'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge({ MODELS: 'story-mini,acme/held' })
startDrawing(edge, 'story-mini')
process.env.REPLICATE_BASE_URL = `${edge.url}/v1`
process.env.REPLICATE_API_TOKEN = edge.key
const client = new Stainless({ maxRetries: 0 })
const input = { prompt: 'a fox in the snow' }

test('run, create and wait, get, cancel', async () => {
  const output = await client.run('fableframe/story-mini', { input, wait: { mode: 'block' } })
  assert.match(String(output), /\/frames\/0\.png\?exp=\d+&sig=/)
  const polled = await client.run('fableframe/story-mini', { input, wait: { mode: 'poll', interval: 50 } })
  assert.equal((polled as string[]).length, 1)
  const created = await client.models.predictions.create({ model_owner: 'acme', model_name: 'held', input })
  assert.equal((await client.predictions.get({ prediction_id: created.id })).status, 'starting')
  assert.equal((await client.predictions.cancel({ prediction_id: created.id })).status, 'canceled')
})

test('lists can be iterated', async () => {
  const ids: string[] = []
  for await (const { id } of client.predictions.list()) ids.push(id)
  assert.equal(ids.length, 3)
  const models: string[] = []
  for await (const { name } of client.models.list()) models.push(name ?? '')
  assert.deepEqual(models, ['story-mini', 'held'])
  assert.deepEqual(await Array.fromAsync(client.trainings.list()), [])
  assert.deepEqual(await Array.fromAsync(client.deployments.list()), [])
  assert.equal((await client.hardware.list()).length, 1)
  assert.equal((await client.account.get()).name, 'local')
  assert.match((await client.webhooks.default.secret.get()).key ?? '', /^whsec_/)
})

test('what is refused has the class of its status', async () => {
  const version = 'fableframe/story-mini'
  await assert.rejects(client.predictions.create({ version, input: {} }), Stainless.UnprocessableEntityError)
  await assert.rejects(client.predictions.get({ prediction_id: 'a'.repeat(26) }), Stainless.NotFoundError)
  const stranger = new Stainless({ bearerToken: 'none', maxRetries: 0 })
  await assert.rejects(stranger.account.get(), Stainless.AuthenticationError)
})
