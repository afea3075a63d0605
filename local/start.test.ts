/** The commands as a user runs them, with the drawing model; and servers that are killed in mid-story. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { type TestContext, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { isTerminal, Story } from '../contract/story-view.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { randomBytes } from '../test/d1.ts'
import { type DataFolder, dataFolder } from '../test/data-folder.ts'
import { startRunner } from '../test/runner.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../test/worker.ts'

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const { key: apiKey } = await newApiKey('tests', { now: Date.now, randomBytes })
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

test('npm start: a killed runner is started again and the story goes on; SIGTERM leaves nothing behind', async (t) => {
  const { run } = await setUp(t, slow)
  const start = run('start.ts', { PORT: '0' })
  const url = await line(start.stdout!, /listens on (http:\S+)/)
  const key = await line(start.stdout!, /shown this once: (ff_live_\w+)/)
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
  const edge = (port: string) => start(endWith, './edge-process.ts', [port, folder, JSON.stringify(env)])
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

test('a port that is no port: said, exit 1', async (t) => {
  const { run } = await setUp(t)
  const start = run('start.ts', { PORT: 'eighty' })
  assert.match(await text(start.stderr!), /PORT is 'eighty'/)
})

/** A folder with a drawing model, and a way to run our commands with it. */
async function setUp(t: TestContext, drawing = {}) {
  const { path: folder, endWith } = await dataFolder(t)
  await writeFile(join(folder, 'drawing.json'), JSON.stringify(drawing))
  const usual = {
    FABLEFRAME_DATA: join(folder, 'data'),
    LEASE_SECONDS: '2',
    FABLEFRAME_MODEL: folder,
    FABLEFRAME_MODEL_MODULE: path('../test/drawing-model.ts'),
  }
  return { folder, endWith, run: (script: string, env = {}) => start(endWith, script, [], { ...usual, ...env }) }
}

function start(endWith: DataFolder['endWith'], script: string, args: string[], env = {}): ChildProcess {
  const child = spawn(process.execPath, [path(script), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  const exited = once(child, 'exit')
  endWith(() => {
    child.kill('SIGKILL')
    return exited
  })
  return child
}

/** Everything that a stream has said so far, and a call for when there is more. */
const heard = new WeakMap<NodeJS.ReadableStream, { lines: string[]; look: Set<() => void>; ended: boolean }>()

/** The first group of the first line, said or yet to be said, that matches. */
function line(stream: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  let ear = heard.get(stream)
  if (!ear) {
    const fresh = { lines: [] as string[], look: new Set<() => void>(), ended: false }
    ear = fresh
    heard.set(stream, fresh)
    const wake = () => {
      for (const look of fresh.look) look()
    }
    createInterface({ input: stream })
      .on('line', (line) => {
        fresh.lines.push(line)
        wake()
      })
      .on('close', () => {
        fresh.ended = true
        wake()
      })
  }
  const { lines, look } = ear
  return new Promise((resolve, reject) => {
    const search = () => {
      const found = lines.map((line) => pattern.exec(line)?.[1]).find((group) => group !== undefined)
      if (found === undefined && !ear.ended) return
      look.delete(search)
      if (found === undefined) reject(new Error(`the process ended without ${pattern}: ${lines.join('\n')}`))
      else resolve(found)
    }
    look.add(search)
    search()
  })
}

async function post(url: string, key: string): Promise<Story> {
  const body = JSON.stringify({ frames: ['one', 'two', 'three', 'four'].map((prompt) => ({ prompt })) })
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
  return Story.parse(await (await fetch(new URL('/stories', url), { method: 'POST', headers, body })).json())
}

async function until(url: string, key: string, id: string, reached: (story: Story) => boolean): Promise<Story> {
  const headers = { authorization: `Bearer ${key}` }
  for (;;) {
    const story = Story.parse(await (await fetch(new URL(`/stories/${id}`, url), { headers })).json())
    if (reached(story)) return story
    if (isOver(story)) throw new Error(`the story ended as ${story.status}: ${story.error?.message}`)
    await sleep(50)
  }
}

function isOver({ status }: Story): boolean {
  return isTerminal(status)
}

async function gone(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0)
    } catch {
      return
    }
    await sleep(50)
  }
}
