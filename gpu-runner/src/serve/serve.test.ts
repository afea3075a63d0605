/** Cog's wire, as docs/http.md and coglet's routes.rs have it, in front of the drawing model. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import sharp from 'sharp'
import { startRunner } from '../../../test/runner.ts'
import { openGenerator } from '../service/generator.ts'
import { Sampler } from '../service/worker/thread.ts'
import { cogServer } from './http.ts'
import { CogService } from './service.ts'
import { webhookSender } from './webhooks.ts'

const module = new URL('../../../test/drawing-model.ts', import.meta.url).href
const input = { frames: ['a fox wakes', 'a fox sleeps'], steps: 2 }
const long = { frames: ['a fox wakes', 'a fox sleeps'], steps: 100 }

interface Received {
  method: string
  path: string
  headers: IncomingMessage['headers']
  body: Buffer
}
const received: Received[] = []
const answers: number[] = []
/** Webhooks and uploads. */
const receiver = createServer(async (request, response) => {
  const { method = '', url = '', headers } = request
  received.push({ method, path: url, headers, body: await buffer(request) })
  const status = url.startsWith('/hook') ? (answers.shift() ?? 200) : url.startsWith('/refused') ? 403 : 201
  response.writeHead(status, method === 'PUT' ? { location: `/kept${url}?secret=1` } : {}).end()
}).listen(0, '127.0.0.1')
await once(receiver, 'listening')
after(() => receiver.close())
const outside = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}`
const hooks = (path: string) =>
  received.filter((one) => one.path === path).map(({ body }) => JSON.parse(body.toString()))

let isDown = false
const { url, service, folder } = await serving({ stepMs: 20 })

async function serving(drawing: object, options: ConstructorParameters<typeof CogService>[1] = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'cog-'))
  await writeFile(join(folder, 'drawing.json'), JSON.stringify(drawing))
  const sampler = new Sampler({ module, folder, device: 'cpu' })
  const service = new CogService(openGenerator(sampler), { newSeed: () => 7, ...options })
  const server = cogServer(service, { version: '0.22.0', onShutdown: () => (isDown = true) }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(async () => {
    await service.stop()
    server.closeAllConnections()
    server.close()
    await sampler.close()
    await rm(folder, { recursive: true })
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, service, folder }
}

async function call(method: string, path: string, body?: unknown, headers: Record<string, string> = {}, at = url) {
  const response = await fetch(at + path, {
    method,
    headers: { 'content-type': 'application/json', ...headers },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  return { status: response.status, body: JSON.parse(await response.text()) }
}

const health = async () => (await call('GET', '/health-check')).body.status
const idle = async () => {
  while ((await health()) !== 'READY') await sleep(20)
}

test('before the model is open nothing is predicted, and the health check says how it goes', async () => {
  const { status, body } = await call('GET', '/health-check')
  assert.deepEqual([status, body.status, body.setup.status], [200, 'STARTING', 'starting'])
  assert.equal((await call('POST', '/predictions', { input })).status, 503)
  await service.open()
  const ready = (await call('GET', '/health-check')).body
  assert.deepEqual([ready.status, ready.setup.status, ready.version], ['READY', 'succeeded', { coglet: '0.22.0' }])
  assert.ok(Date.parse(ready.setup.completed_at) >= Date.parse(ready.setup.started_at))
})

test('a model that does not open: SETUP_FAILED, with the reason', async () => {
  const sampler = new Sampler({ module, folder: '/nowhere', device: 'cpu' })
  const broken = new CogService(openGenerator(sampler))
  await broken.open()
  assert.deepEqual([broken.health, broken.setup.status], ['SETUP_FAILED', 'failed'])
  assert.match(broken.setup.logs, /nowhere/)
})

test('discovery and the document, whose Input and Output draw a form', async () => {
  const { body } = await call('GET', '/')
  assert.deepEqual(body, {
    cog_version: '0.22.0',
    docs_url: '/docs',
    openapi_url: '/openapi.json',
    shutdown_url: '/shutdown',
    healthcheck_url: '/health-check',
    predictions_url: '/predictions',
    predictions_idempotent_url: '/predictions/{prediction_id}',
    predictions_cancel_url: '/predictions/{prediction_id}/cancel',
  })
  const { components } = (await call('GET', '/openapi.json')).body
  const { Input, Output } = components.schemas
  assert.deepEqual([Output.type, Output.items.format], ['array', 'uri'])
  assert.equal(Input.properties.prompt['x-order'], 0)
  assert.ok(Input.properties.frames && Input.properties.seed)
  assert.doesNotMatch(JSON.stringify(Input), /\$ref/)
})

test('a synchronous prediction: data URIs, logs, metrics; fields that are not known are dropped', async () => {
  const { status, body } = await call('POST', '/predictions', { id: 'mine', input: { ...input, mood: 'good' } })
  assert.deepEqual([status, body.id, body.status, body.error, body.output.length], [200, 'mine', 'succeeded', null, 2])
  const png = Buffer.from(body.output[0].replace('data:image/png;base64,', ''), 'base64')
  assert.equal((await sharp(png).metadata()).width, 64)
  assert.match(body.logs, /50%\|##### {5}\| 1\/2/)
  assert.equal(body.metrics.frames, 2)
  assert.ok(body.metrics.predict_time > 0)
  const again = (await call('POST', '/predictions', { input: { ...input, seed: 7 } })).body
  assert.deepEqual(again.output, body.output, 'the same seed, the same frames')
})

test('wrong input is 422 with where it is; wrong bodies are refused', async () => {
  const bad = async (body: unknown) => {
    const answer = await call('POST', '/predictions', body)
    return [answer.status, answer.body.detail?.[0]?.loc]
  }
  assert.deepEqual(await bad({ input: { ...input, steps: 'many' } }), [422, ['body', 'input', 'steps']])
  assert.deepEqual(await bad({ input: {} }), [422, ['body', 'input', 'prompt']])
  assert.deepEqual(await bad(undefined), [422, ['body', 'input', 'prompt']])
  assert.deepEqual(await bad({ input, webhook: 'nowhere' }), [422, ['body', 'webhook']])
  assert.equal((await call('POST', '/predictions', '{')).status, 400)
  assert.equal((await call('GET', '/nowhere')).status, 404)
  const mismatch = await call('PUT', '/predictions/a', { id: 'b', input })
  assert.deepEqual(mismatch, {
    status: 422,
    body: {
      detail: [
        {
          loc: ['body', 'id'],
          msg: 'prediction ID must match the ID supplied in the URL',
          type: 'value_error',
        },
      ],
    },
  })
  const rejected = await call('POST', '/predictions', { input: { ...input, scheduler: 'unheard-of' } })
  assert.equal(rejected.status, 422)
})

test('one at a time: 202, 409 for others, 202 for a repeat of the same id, cancel, and then it is forgotten', async () => {
  const path = '/predictions/one'
  const async_ = { prefer: 'respond-async' }
  assert.deepEqual(await call('PUT', path, { input: long }, async_), {
    status: 202,
    body: { id: 'one', status: 'starting' },
  })
  const repeat = await call('PUT', path, { input: long }, async_)
  assert.deepEqual([repeat.status, repeat.body.id], [202, 'one'])
  assert.equal(await health(), 'BUSY')
  assert.deepEqual(await call('POST', '/predictions', { input }), {
    status: 409,
    body: { error: 'At capacity - all prediction slots busy', status: 'failed' },
  })
  assert.deepEqual(await call('POST', `${path}/cancel`), { status: 200, body: {} })
  await idle()
  assert.deepEqual(await call('POST', `${path}/cancel`), { status: 404, body: {} })
})

test('webhooks: start, output and logs at most every 500 ms, and the end, which is tried until it is taken', async () => {
  answers.push(200, 200)
  const headers = { prefer: 'respond-async', traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' }
  await call(
    'POST',
    '/predictions',
    { id: 'hooked', input: { ...input, steps: 40 }, webhook: `${outside}/hook/a` },
    headers,
  )
  await idle()
  while (hooks('/hook/a').at(-1)?.status !== 'succeeded') await sleep(20)
  const states = hooks('/hook/a')
  assert.deepEqual([states[0].status, states[0].id, states.at(-1).output.length], ['starting', 'hooked', 2])
  assert.ok(states.length >= 3 && states.length < 12, `${states.length} webhooks`)
  assert.equal(received.find(({ path }) => path === '/hook/a')?.headers.traceparent, headers.traceparent)

  answers.push(503, 429, 200)
  const only = { input, webhook: `${outside}/hook/b`, webhook_events_filter: ['completed'] }
  await call('POST', '/predictions', only)
  while (hooks('/hook/b').length < 3) await sleep(20)
  assert.deepEqual(
    hooks('/hook/b').map(({ status }) => status),
    Array(3).fill('succeeded'),
  )
})

test('the last webhook is given up after thirteen tries, or at once when it is refused', async () => {
  const state = { id: 'x', status: 'succeeded' } as Parameters<ReturnType<typeof webhookSender>['send']>[1]
  const pauses: number[] = []
  const pause = async (ms: number) => pauses.push(ms)
  const about = { events: ['completed'] as const, token: 'a-token', trace: {}, pause }
  answers.push(...Array(13).fill(500))
  const sender = webhookSender({ url: `${outside}/hook/c`, ...about })
  sender.send('completed', state)
  await sender.settled()
  assert.deepEqual([hooks('/hook/c').length, pauses[0], pauses.at(-1)], [13, 200, 102_400])
  assert.equal(received.find(({ path }) => path === '/hook/c')?.headers.authorization, 'Bearer a-token')
  answers.push(404)
  const refused = webhookSender({ url: `${outside}/hook/d`, ...about })
  refused.send('completed', state)
  await refused.settled()
  assert.equal(hooks('/hook/d').length, 1)
})

test('outputs are put where the request or the server says; a refused upload fails the prediction', async () => {
  const put = (await call('POST', '/predictions', { input, output_file_prefix: `${outside}/up/` })).body
  assert.deepEqual(
    put.output,
    [0, 1].map((i) => `${outside}/kept/up/frame-${i}.png`),
  )
  const upload = received.find(({ method }) => method === 'PUT')!
  assert.deepEqual([upload.path, upload.headers['content-type']], ['/up/frame-0.png', 'image/png'])
  const refused = await call('POST', '/predictions', { input, output_file_prefix: `${outside}/refused/` })
  assert.deepEqual([refused.status, refused.body.status, refused.body.output], [200, 'failed', null])
  assert.match(refused.body.error, /the upload of frame-0.png was answered 403/)
})

test('a stream: start, logs, outputs as they are done, metric, completed; one that joins late is told all', async () => {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  const open = () => fetch(`${url}/predictions/streamed`, { method: 'PUT', headers, body: JSON.stringify({ input }) })
  const [first, second] = [await open(), await open()]
  assert.equal(first.headers.get('content-type'), 'text/event-stream')
  const events = async (response: Response) =>
    (await response.text())
      .split('\n\n')
      .filter((one) => one.startsWith('event'))
      .map((one) => /^event: (\w+)\ndata: (.+)$/.exec(one)!.slice(1))
  const [told, toldLate] = await Promise.all([events(first), events(second)])
  assert.deepEqual(told, toldLate)
  const names = told.map(([name]) => name)
  assert.deepEqual([names[0], ...names.slice(-2)], ['start', 'metric', 'completed'])
  const chunks = told.filter(([name]) => name === 'output').map(([, data]) => JSON.parse(data!))
  assert.deepEqual(
    chunks.map(({ index }) => index),
    [0, 1],
  )
  const { status, output } = JSON.parse(told.at(-1)![1]!)
  assert.deepEqual([status, output], ['succeeded', chunks.map(({ chunk }) => chunk)])
})

test('a stream that joins later than the history goes back is told so', async () => {
  const short = await serving({ stepMs: 20 }, { history: 3 })
  await short.service.open()
  await call('PUT', '/predictions/p', { input: long }, { prefer: 'respond-async' }, short.url)
  const headers = { accept: 'text/event-stream', 'content-type': 'application/json' }
  const init = { method: 'PUT', headers, body: JSON.stringify({ input: long }) }
  const state = async () => (await call('PUT', '/predictions/p', { input: long }, {}, short.url)).body
  while (!(await state()).logs.includes('5/100')) await sleep(20)
  const text = await (await fetch(`${short.url}/predictions/p`, init)).text()
  assert.match(text, /event: error\ndata: \{"error":"SSE stream replay truncated; events were dropped","skipped":\d+\}/)
})

test('a client that hangs up cancels its prediction, waiting for an answer or for events', async () => {
  for (const accept of ['application/json', 'text/event-stream']) {
    const hangUp = new AbortController()
    const headers = { 'content-type': 'application/json', accept }
    const asked = fetch(`${url}/predictions`, {
      method: 'POST',
      headers,
      body: JSON.stringify({ input: long }),
      signal: hangUp.signal,
    })
    asked.catch(() => {})
    while ((await health()) !== 'BUSY') await sleep(10)
    hangUp.abort()
    await idle()
  }
})

test('a machine that fails fails the prediction, with 200; one that is broken is defunct', async () => {
  await writeFile(join(folder, 'fail'), '')
  const failed = await call('POST', '/predictions', { input })
  assert.deepEqual([failed.status, failed.body.status], [200, 'failed'])
  assert.equal(await health(), 'READY')
  const broken = await serving({})
  await broken.service.open()
  await writeFile(join(broken.folder, 'broken'), '')
  assert.equal((await call('POST', '/predictions', { input }, {}, broken.url)).body.status, 'failed')
  assert.equal((await call('GET', '/health-check', undefined, {}, broken.url)).body.status, 'DEFUNCT')
})

test('POST /shutdown', async () => {
  assert.deepEqual(await call('POST', '/shutdown'), { status: 200, body: {} })
  assert.equal(isDown, true)
})

test('main.ts --serve: SIGTERM cancels what is under way and ends it; told to await shutdown, only that ends it', async (t) => {
  for (const args of [['--serve'], ['--serve', '--await-explicit-shutdown']]) {
    const runner = await startRunner(t, 'no edge', { stepMs: 20 }, { PORT: '0' }, args)
    const at = `http://127.0.0.1:${(await runner.logged('serve.listening')).port}`
    await runner.logged('serve.setup_succeeded')
    const asked = call('POST', '/predictions', { input: long }, {}, at)
    asked.catch(() => {})
    while ((await call('GET', '/health-check', undefined, {}, at)).body.status !== 'BUSY') await sleep(20)
    runner.child.kill('SIGTERM')
    if (args.length > 1) {
      assert.equal((await asked).body.status, 'succeeded')
      assert.equal((await call('POST', '/shutdown', undefined, {}, at)).status, 200)
    } else assert.equal((await asked).body.status, 'canceled')
    assert.deepEqual(await runner.exited, { code: 0, signal: null })
  }
})
