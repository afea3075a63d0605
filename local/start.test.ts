/** The commands as a user runs them, with the drawing model; and servers that are killed in mid-story. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { AcceptedStory, Story } from '../contract/story-view.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { gone, isOver, line, post, root, setUp, start, until } from '../test/commands.ts'
import { randomBytes } from '../test/d1.ts'
import { sd15 } from '../test/model-folder.ts'
import { startRunner } from '../test/runner.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../test/worker.ts'

const { key: apiKey } = await newApiKey('tests', { now: Date.now, randomBytes })
interface Served {
  name: string
  runners: number
  abilities: object | null
}

const slow = { stepMs: 400, steps: 1 }

test('npm run demo: pictures, story and storyboard are there, the webhook was verified, exit 0', async (t) => {
  const { folder, run } = await setUp(t)
  const demo = run('demo.ts', { FABLEFRAME_DEMO_OUT: join(folder, 'out') })
  const [out, errors, [code]] = await Promise.all([text(demo.stdout!), text(demo.stderr!), once(demo, 'exit')])
  assert.equal(code, 0, errors)
  assert.match(out, /story.completed came, and its signature is right/)
  assert.match(errors, /4\/4/)
  const pictures = ['frame-0.png', 'frame-1.png', 'frame-2.png', 'frame-3.png', 'story.json', 'storyboard.png']
  assert.deepEqual((await readdir(join(folder, 'out'))).sort(), pictures)
  const story = Story.parse(JSON.parse(await readFile(join(folder, 'out/story.json'), 'utf8')))
  assert.equal(story.status, 'succeeded')
})

test('npm run demo without a model: what is wrong is said, exit 1', async (t) => {
  const { run } = await setUp(t)
  const demo = run('demo.ts', { FABLEFRAME_MODEL: '/nowhere/at-all' })
  const [errors, [code]] = await Promise.all([text(demo.stderr!), once(demo, 'exit')])
  assert.equal(code, 1)
  assert.match(errors, /The demo failed: the runner ended: exit code 1/)
  assert.match(errors, /the model in \/nowhere\/at-all could not be opened/)
})

test('npm start: its link signs in; a killed runner is started again and the story goes on; SIGTERM leaves nothing behind', async (t) => {
  const { run } = await setUp(t, slow)
  const start = run('start.ts', { PORT: '0' })
  const url = await line(start.stdout!, /listens on (http:\S+)/)
  const token = await line(start.stdout!, /http:\S+\/#sign-in=(\S+)/)
  const key = await line(start.stdout!, /API key: (ff_live_\w+)/)
  const headers = { 'content-type': 'application/json' }
  const signedIn = await fetch(`${url}/sign-in`, { method: 'POST', headers, body: JSON.stringify({ token }) })
  assert.deepEqual(await signedIn.json(), { key })
  const first = Number(await line(start.stderr!, /"runner.ready","pid":(\d+)/))
  const { id } = await post(url, key)
  await until(url, key, id, (story) => story.frames.some(({ status }) => status === 'succeeded'))
  process.kill(first, 'SIGKILL')
  const second = Number(await line(start.stderr!, new RegExp(`"runner.ready","pid":(?!${first},)(\\d+)`)))
  assert.equal((await until(url, key, id, isOver)).status, 'succeeded')
  start.kill('SIGTERM')
  assert.deepEqual(await once(start, 'exit'), [0, null])
  assert.throws(() => process.kill(second, 0), /ESRCH/)
  await assert.rejects(fetch(url))
})

test('npm start killed with everything it holds: the next one goes on with its stories', async (t) => {
  const { run } = await setUp(t, slow)
  const env = { PORT: '0', FABLEFRAME_API_KEY: apiKey }
  const first = run('start.ts', env)
  const url = await line(first.stdout!, /listens on (http:\S+)/)
  const runner = Number(await line(first.stderr!, /"runner.ready","pid":(\d+)/))
  const { id } = await post(url, apiKey)
  await until(url, apiKey, id, (story) => story.status === 'running')
  first.kill('SIGKILL')
  await gone(runner)
  const next = run('start.ts', env)
  const nextUrl = await line(next.stdout!, /listens on (http:\S+)/)
  assert.equal((await until(nextUrl, apiKey, id, isOver)).status, 'succeeded')
})

test('kill -9 of the edge in mid-story: the runner waits for it, and the story goes on', async (t) => {
  const { folder, endWith } = await setUp(t)
  const env = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, LEASE_SECONDS: '2', apiKey }
  const edge = (port: string) =>
    start(endWith, [process.execPath, join(root, 'local/edge-process.ts'), port, folder, JSON.stringify(env)])
  const first = edge('0')
  const url = await line(first.stdout!, /(http:\S+)/)
  const runner = await startRunner(t, url, slow)
  const { id } = await post(url, apiKey)
  await until(url, apiKey, id, (story) => story.frames.some(({ status }) => status === 'succeeded'))
  first.kill('SIGKILL')
  await runner.logged('edge.unavailable')
  const second = edge(new URL(url).port)
  await line(second.stdout!, /(http:\S+)/)
  const story = await until(url, apiKey, id, isOver)
  assert.deepEqual([story.status, story.frames.every(({ url }) => url !== null)], ['succeeded', true])
})

test('npm start keeps one key, for its owner alone to read, and says how to see it again', async (t) => {
  const { folder, run } = await setUp(t)
  const first = run('start.ts', { PORT: '0' })
  const key = await line(first.stdout!, /API key: (ff_live_\w+)/)
  const show = await line(first.stdout!, /`cat (\S+)` shows it again/)
  assert.equal((await readFile(show, 'utf8')).trim(), key)
  const { id } = await post(await line(first.stdout!, /listens on (http:\S+)/), key)
  first.kill('SIGTERM')
  await once(first, 'exit')
  const data = join(folder, 'data')
  assert.equal((await stat(data)).mode & 0o777, 0o700)
  for (const entry of await readdir(data, { recursive: true, withFileTypes: true }))
    if (entry.isFile()) assert.equal((await stat(join(entry.parentPath, entry.name))).mode & 0o077, 0, entry.name)
  const second = run('start.ts', {
    PORT: '0',
    METRICS_TOKEN: 'a-token-of-metrics',
    PUBLIC_URL: 'https://stories.example',
  })
  assert.equal(await line(second.stdout!, /`cat (\S+)` shows it/), show)
  const url = await line(second.stdout!, /listens on (http:\S+)/)
  const read = (path: string, token: string) => fetch(url + path, { headers: { authorization: `Bearer ${token}` } })
  const { results } = (await (await read('/keys', key)).json()) as { results: unknown[] }
  assert.equal(results.length, 1)
  assert.equal((await read(`/stories/${id}`, key)).status, 200)
  const story = await post(url, key)
  assert.equal(new URL(story.urls.events!).origin, 'https://stories.example')
  assert.equal((await read('/metrics', 'a-token-of-metrics')).status, 200)
})

test('npm start with another model: the edge learns of it, and stories that name none are for it', async (t) => {
  const { run } = await setUp(t)
  const own = { FABLEFRAME_MODEL: sd15, FABLEFRAME_MODEL_MODULE: join(root, 'gpu-runner/src/story/open.ts') }
  const command = run('start.ts', { PORT: '0', FABLEFRAME_API_KEY: apiKey, LEASE_SECONDS: '60', ...own })
  const url = await line(command.stdout!, /listens on (http:\S+)/)
  const name = await line(command.stderr!, /"runner.ready".*"model":"([^"]+)"/)
  const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' }
  const served = async () => {
    const { results } = (await (await fetch(`${url}/models`, { headers })).json()) as { results: Served[] }
    return results.find((model) => model.name === name && model.runners === 1)
  }
  let model = await served()
  for (; !model; model = await served()) await sleep(200)
  assert.ok(model.abilities)
  const body = JSON.stringify({ frames: [{ prompt: 'a fox' }], steps: 2 })
  const posted = AcceptedStory.parse(await (await fetch(`${url}/stories`, { method: 'POST', headers, body })).json())
  assert.equal(posted.model, name)
  assert.equal((await until(url, apiKey, posted.id, isOver)).status, 'succeeded')
})

test('a port that is no port: said, exit 1', async (t) => {
  const { run } = await setUp(t)
  const start = run('start.ts', { PORT: 'eighty' })
  const [errors, [code]] = await Promise.all([text(start.stderr!), once(start, 'exit')])
  assert.match(errors, /PORT: a number from 0 to 65535/)
  assert.equal(code, 1)
})
