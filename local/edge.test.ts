import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { StoryRequest } from '../contract/story.ts'
import { Story } from '../contract/story-view.ts'
import { openDb } from '../src/db/client.ts'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { enqueue, newStory } from '../src/db/queue/enqueue.ts'
import { randomBytes, testD1 } from '../test/d1.ts'
import { dataFolder } from '../test/data-folder.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../test/worker.ts'
import { startEdge } from './edge.ts'
import { startEdgeChild } from './edge-child.ts'
import { migrate } from './migrate.ts'

const env = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET }
const { key } = await newApiKey('tests', { now: Date.now, randomBytes })
const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' }
const body = JSON.stringify({ frames: [{ prompt: 'one' }] })
const settings = { ...env, apiKey: key }

test('the edge is killed outright: its port is free at once, and what it had accepted is there after a restart', async (t) => {
  const { path: dataDir, endWith } = await dataFolder(t)
  const first = await startEdgeChild('0', dataDir, settings)
  const posted = await fetch(`${first.url}/stories`, { method: 'POST', headers, body })
  const story = Story.parse(await posted.json())
  await first.kill()
  while (await fetch(`${first.url}/healthz`).catch(() => undefined));
  const second = await startEdgeChild(new URL(first.url).port, dataDir, settings)
  endWith(() => second.kill())
  assert.equal(second.url, first.url)
  const read = await fetch(`${second.url}/stories/${story.id}`, { headers })
  // Where it stands in the queue is said only when it is read.
  assert.deepEqual({ ...Story.parse(await read.json()), queue: null }, story)
})

test('a port that is taken and a key that is none are refused with the reason', async (t) => {
  const { server, port } = await listening()
  t.after(() => server.close())
  await assert.rejects(startEdge({ port, dataDir: null, env }), new RegExp(`port ${port} cannot be used`))
  await assert.rejects(startEdge({ port: 0, dataDir: null, env, apiKey: 'secret' }), /not an API key: secret/)
})

test('nobody is answered before the database is up to date', async (t) => {
  const { path: dataDir, endWith } = await dataFolder(t)
  const port = await freePort()
  const starting = startEdge({ port, dataDir, env, apiKey: key })
  let isStarted = false
  endWith(() => starting.then((edge) => edge.dispose()))
  const started = starting.then(() => {
    isStarted = true
  })
  const answers: number[] = []
  while (!isStarted) {
    const answer = await fetch(`http://127.0.0.1:${port}/stories`, { headers }).catch(() => undefined)
    if (answer) answers.push(answer.status)
    await sleep(5)
  }
  await started
  assert.deepEqual(
    answers.filter((status) => status !== 200),
    [],
  )
})

test('a key that was revoked does not open the edge again', async (t) => {
  const { path: dataDir, endWith } = await dataFolder(t)
  const first = await startEdge({ port: 0, dataDir, env, apiKey: key })
  const { results } = (await (await fetch(`${first.url}/keys`, { headers })).json()) as { results: { id: string }[] }
  await fetch(`${first.url}/keys/${results[0]?.id}`, { method: 'DELETE', headers })
  await first.dispose()
  endWith(() => first.dispose())
  await assert.rejects(startEdge({ port: 0, dataDir, env, apiKey: key }), /was revoked: give another one/)
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

async function listening() {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  return { server, port: typeof address === 'object' ? address!.port : 0 }
}

async function freePort(): Promise<number> {
  const { server, port } = await listening()
  await new Promise((resolve) => server.close(resolve))
  return port
}
