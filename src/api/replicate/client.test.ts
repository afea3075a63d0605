/** replicate-javascript as it is on npm, with nothing but `baseUrl` changed, against the edge in workerd. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import Replicate, { type Prediction as ClientPrediction, type FileOutput, parseProgressFromLogs } from 'replicate'
import { Prediction } from '../../../contract/prediction.ts'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const PUBLIC_URL = 'https://edge.example'
const edge = await testEdge({ PUBLIC_URL, MODELS: 'story-mini,acme/held' })
const { url, key, claim, held, report, otherKey } = edge
startDrawing(edge, 'story-mini', 20)

/** What a reverse proxy does in front of us: links begin with the public URL. */
const proxied = (input: string | URL | Request, init?: RequestInit) =>
  fetch(input instanceof Request ? input : String(input).replace(PUBLIC_URL, url), init)
const clientOf = (auth: string) => new Replicate({ auth, baseUrl: `${url}/v1`, fetch: proxied })
const replicate = clientOf(key)
const frames = ['Fern wakes up', 'Fern sets out', 'Fern is back']
const story = { frames, characters: [{ id: 'fox', name: 'Fern', description: 'an orange fox' }] }

/** The client's types leave out that what is not yet known is null. */
type NullsLeftOut<T> = {
  [K in keyof T]: T[K] extends (infer Item)[] ? Item[] : T[K] extends object ? NullsLeftOut<T[K]> : Exclude<T[K], null>
}
const ours = (prediction: Prediction) => prediction as NullsLeftOut<Prediction>

test('run: the pictures, as they were drawn', async () => {
  const statuses: string[] = []
  const output = await replicate.run('fableframe/story-mini', { input: story }, ({ status }) => statuses.push(status))
  assert.deepEqual(statuses, ['succeeded', 'succeeded'])
  const files = output as FileOutput[]
  assert.match(files[0]!.url().pathname, /\/frames\/0\.png$/)
  for (const [i, file] of files.entries())
    assert.deepEqual(Buffer.from(await (await file.blob()).arrayBuffer()), await plainPng(i))
  assert.equal(files.length, 3)
})

test('run: an answer that cannot wait for the end is never taken for it', async () => {
  const seen: ClientPrediction[] = []
  const options = { input: { prompt: 'one' }, wait: { mode: 'block', timeout: 1, interval: 50 } } as const
  const output = replicate.run('acme/held', options, (prediction) => seen.push(prediction))
  const lease = (await claim('acme/held', 5))!
  await report(lease, 1, 'story.started')
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 50))
  await held(lease, 'PUT', 'frames/0', await plainPng(1))
  await report(lease, 2, 'story.completed')
  assert.equal(((await output) as FileOutput[]).length, 1)
  assert.deepEqual([seen[0]?.status, seen[1]?.status, seen.at(-1)?.status], ['starting', 'processing', 'succeeded'])
})

test('run: a failure is thrown with its reason, and a wrong input with what would be right', async () => {
  await assert.rejects(replicate.run('fableframe/story-mini', { input: { ...story, title: 'fail' } }), {
    message: 'Prediction failed: no such scheduler',
  })
  const wrong = (input: object, ref: `${string}/${string}` = 'fableframe/story-mini') => replicate.run(ref, { input })
  await assert.rejects(
    wrong({ prompt: 'x', width: 65 }),
    /422 .*"pointer":"\/input\/width","message":"a multiple of 8"/,
  )
  await assert.rejects(
    wrong({ prompt: 'x' }, 'fableframe/other'),
    /404 .*served are fableframe\/story-mini, acme\/held/,
  )
  await assert.rejects(wrong({ prompt: 'x' }, 'fableframe/story-mini:1.0'), /422 .*"pointer":"\/version"/)
})

test('predictions: create, get, cancel; every field is there from the beginning', async () => {
  const { latest_version } = await replicate.models.get('acme', 'held')
  const created = await replicate.predictions.create({ version: latest_version!.id, input: story })
  const prediction = Prediction.parse(created)
  assert.deepEqual(Object.keys(created).toSorted(), [
    ...['completed_at', 'created_at', 'data_removed', 'error', 'id', 'input', 'logs', 'metrics', 'model', 'output'],
    ...['source', 'started_at', 'status', 'urls', 'version', 'webhook'],
  ])
  const { id, output, logs, error, metrics, started_at, completed_at, model } = prediction
  assert.deepEqual([output, logs, error, metrics, started_at, completed_at], [null, '', null, {}, null, null])
  assert.deepEqual([prediction.status, prediction.input, model], ['starting', story, 'acme/held'])
  assert.match(prediction.created_at, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/)
  assert.match(id, /^[a-z0-9]{26}$/)
  assert.deepEqual(await replicate.predictions.get(id), created)
  assert.equal((await (ours(prediction) satisfies ClientPrediction)).id, id)

  const lease = (await claim('acme/held'))!
  await report(lease, 1, 'story.progress', { progress: { stage: 'sampling', step: 2, steps: 5, fraction: 0.4 } })
  await held(lease, 'PUT', 'frames/1', await plainPng(1))
  const running = await replicate.predictions.get(id)
  assert.deepEqual(parseProgressFromLogs(running), { percentage: 0.4, current: 2, total: 5 })
  assert.deepEqual([running.status, running.output.length], ['processing', 1])
  assert.match(running.logs ?? '', /^frame 2\/3: 64x64, seed 11\n 40%\|#### {6}\| 2\/5 \[sampling\]\n$/)

  assert.equal((await replicate.predictions.cancel(id)).status, 'processing')
  await report(lease, 2, 'story.canceled')
  const canceled = await replicate.predictions.cancel(id)
  assert.deepEqual(
    [canceled.status, canceled.output.length, (canceled.metrics?.total_time ?? 0) > 0],
    ['canceled', 1, true],
  )
  await assert.rejects(replicate.predictions.get('a'.repeat(26)), /404/)
  await assert.rejects(clientOf(await otherKey()).predictions.get(id), /404/)
})

test('list and paginate: newest first, to the last', async () => {
  const client = clientOf(await otherKey())
  const ids: string[] = []
  for (let i = 0; i < 51; i++)
    ids.unshift((await client.predictions.create({ model: 'acme/held', input: { prompt: `${i}` } })).id)
  const pages: ClientPrediction[][] = []
  for await (const page of client.paginate(client.predictions.list)) pages.push(page)
  assert.deepEqual(
    pages.map((page) => page.length),
    [50, 1],
  )
  assert.deepEqual(
    pages
      .flat()
      .map(({ id }) => id)
      .toSorted(),
    ids.toSorted(),
  )
  for (const id of ids) await client.predictions.cancel(id)
})

test('create with the fetch of our docs: six tries whose answers are lost make one prediction', async () => {
  const auth = await otherKey()
  const keys: (string | null)[] = []
  /** Five times the request arrives, and its answer does not come back. */
  const lossy = async (input: string | URL | Request, init?: RequestInit) => {
    keys.push(new Headers(init?.headers).get('idempotency-key'))
    const answer = await fetch(input, init)
    if (keys.length < 6) throw new TypeError('fetch failed')
    return answer
  }
  const client = new Replicate({
    auth,
    baseUrl: `${url}/v1`,
    fetch: (input, init = {}) => {
      const headers = init.headers as Record<string, string>
      if (init.method === 'POST') headers['Idempotency-Key'] ??= crypto.randomUUID()
      return lossy(input, init)
    },
  })
  const { id } = await client.predictions.create({ model: 'acme/held', input: { prompt: 'once' } })
  assert.equal(keys.length, 6)
  assert.equal(new Set(keys).size, 1)
  assert.match(keys[0] ?? '', /^[0-9a-f-]{36}$/)
  const { results } = await clientOf(auth).predictions.list()
  assert.deepEqual(
    results.map((one) => one.id),
    [id],
  )
  await clientOf(auth).predictions.cancel(id)
})

test('stream: the pictures as they are done, the progress, and the end', async () => {
  const events: [string, string][] = []
  for await (const { event, data } of replicate.stream('fableframe/story-mini', { input: story }))
    events.push([event, String(data)])
  const outputs = events.filter(([event]) => event === 'output').map(([, data]) => new URL(data).pathname.at(-5))
  assert.deepEqual(outputs, ['0', '1', '2'])
  assert.ok(events.some(([event, data]) => event === 'logs' && parseProgressFromLogs(data)))
  assert.deepEqual(events.at(-1), ['done', '{}'])
  const failing = replicate.stream('fableframe/story-mini', { input: { ...story, title: 'fail' } })
  await assert.rejects(Array.fromAsync(failing), { message: '{"detail":"no such scheduler"}' })
})

test('stream: goes on behind the last event that was seen; only for who holds the link', async () => {
  const { urls, id } = await replicate.predictions.create({ model: 'fableframe/story-mini', input: story, wait: 20 })
  const link = urls.stream!.replace(PUBLIC_URL, url)
  const whole = await (await fetch(link)).text()
  const ids = [...whole.matchAll(/event: output\ndata: .*\nid: (.*)/g)].map(([, eventId]) => eventId!)
  assert.equal(ids.length, 3)
  const rest = await (await fetch(link, { headers: { 'last-event-id': ids[1]! } })).text()
  assert.deepEqual(rest.match(/event: \w+/g), ['event: output', 'event: logs', 'event: done'])
  const bare = link.replace(/\?.*/, '')
  for (const refused of [bare, `${link}x`, link.replace(id, 'a'.repeat(26))])
    assert.equal((await fetch(refused)).status, 401, refused)
})

test('what is asked about us: models, versions, account, hardware, the webhook secret', async () => {
  const page = await replicate.models.list()
  assert.deepEqual(
    page.results.map(({ owner, name }) => `${owner}/${name}`),
    ['fableframe/story-mini', 'acme/held'],
  )
  const versions = await replicate.models.versions.list('fableframe', 'story-mini')
  const version = await replicate.models.versions.get('fableframe', 'story-mini', versions.results[0]!.id)
  assert.match(version.id, /^[0-9a-f]{64}$/)
  const { components } = version.openapi_schema as { components: { schemas: { Input: { properties: object } } } }
  assert.ok(Object.keys(components.schemas.Input.properties).includes('prompt'))
  assert.deepEqual(
    (await replicate.models.search('held')).results.map(({ name }) => name),
    ['held'],
  )
  assert.deepEqual((await replicate.models.search('nothing like it')).results, [])
  assert.equal((await replicate.accounts.current()).name, 'local')
  for (const none of [replicate.trainings, replicate.deployments, replicate.collections])
    assert.deepEqual((await none.list()).results, [])
  assert.ok(Array.isArray(await replicate.hardware.list()))
  assert.match((await replicate.webhooks.default.secret.get()).key, /^whsec_/)
  await assert.rejects(replicate.models.get('acme', 'none'), /404/)
  await assert.rejects(replicate.models.versions.get('acme', 'held', '1'), /404/)
})
