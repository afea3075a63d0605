import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { StoryRequest } from '../contract/story.ts'
import { newApiKey } from '../src/api/keys.ts'
import { openDb } from '../src/db/client.ts'
import { enqueue, newStory } from '../src/db/intake.ts'
import { randomBytes, testD1 } from '../test/d1.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../test/worker.ts'
import { migrate, startEdge } from './edge.ts'

const env = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET }
const { key } = await newApiKey('tests', { now: Date.now, randomBytes })
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
const body = JSON.stringify({ frames: [{ prompt: 'one' }] })
const script = fileURLToPath(new URL('./edge-process.ts', import.meta.url))

async function start(dataDir: string, port = '0'): Promise<{ url: string; process: ChildProcess }> {
  const settings = JSON.stringify({ ...env, apiKey: key })
  const child = spawn(process.execPath, [script, port, dataDir, settings], { stdio: ['ignore', 'pipe', 'inherit'] })
  const died = once(child, 'exit').then(([code]) => Promise.reject(new Error(`the edge exited with code ${code}`)))
  const [line] = await Promise.race([once(child.stdout, 'data'), died])
  died.catch(() => {})
  return { url: String(line).trim(), process: child }
}

test('the edge is killed outright: its port is free at once, and what it had accepted is there after a restart', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'edge-'))
  t.after(() => rm(dataDir, { recursive: true }))
  const first = await start(dataDir)
  const posted = await fetch(`${first.url}/stories`, { method: 'POST', headers, body })
  const story = (await posted.json()) as { id: string }
  first.process.kill('SIGKILL')
  await once(first.process, 'exit')
  while (await fetch(`${first.url}/healthz`).catch(() => undefined));
  const second = await start(dataDir, new URL(first.url).port)
  t.after(() => second.process.kill('SIGKILL'))
  assert.equal(second.url, first.url)
  const read = await fetch(`${second.url}/stories/${story.id}`, { headers })
  assert.deepEqual(await read.json(), story)
})

test('a port that is taken and a key that is none are refused with the reason', async (t) => {
  const other = createServer().listen(0, '127.0.0.1')
  t.after(() => other.close())
  await once(other, 'listening')
  const address = other.address()
  const port = typeof address === 'object' ? address!.port : 0
  await assert.rejects(startEdge({ port, dataDir: null, env }), new RegExp(`port ${port} cannot be used`))
  await assert.rejects(startEdge({ port: 0, dataDir: null, env, apiKey: 'secret' }), /not an API key: secret/)
})

test('migrations are applied once, and leave what is there', async () => {
  const { DB, db, apiKeyId } = await testD1()
  const request = StoryRequest.parse(JSON.parse(body))
  const origin = 'https://edge.example'
  await enqueue(db, newStory({ id: 'a', apiKeyId, request, model: 'm', seed: 1, origin }, 0), 0)
  await migrate(DB)
  const { results } = await DB.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
  assert.equal(results[0]?.name, '0000_first.sql')
  assert.equal(new Set(results.map((row) => row.name)).size, results.length)
  assert.equal((await openDb(DB).query.stories.findMany()).length, 1)
})
