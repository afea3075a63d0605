/** How `npm start` ends, and what it does when a part of it ends: with real process groups, as a terminal makes them. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { newApiKey } from '../src/db/keys/new-key.ts'
import { gone, isOver, line, post, setUp, signal, until } from '../test/commands.ts'
import { randomBytes } from '../test/d1.ts'
import { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET } from '../test/worker.ts'
import { startEdge } from './edge.ts'

const { key: apiKey } = await newApiKey('tests', { now: Date.now, randomBytes })
const slow = { stepMs: 400, steps: 1 }
const env = { PORT: '0', FABLEFRAME_API_KEY: apiKey }
const needsProc = { skip: !existsSync('/proc/self/task') && 'finds processes in /proc' }

test('Ctrl-C: the story in hand is released and claimable at once, its finished frames are kept', async (t) => {
  const { folder, endWith, npmStart } = await setUp(t, slow)
  const command = npmStart({ ...env, LEASE_SECONDS: '3600' })
  const url = await line(command.stdout!, /listens on (http:\S+)/)
  const { id } = await post(url, apiKey)
  await until(url, apiKey, id, (story) => story.frames.some(({ status }) => status === 'succeeded'))
  signal(command, 'SIGINT', true)
  await once(command, 'exit')
  await assert.rejects(fetch(url))
  const settings = { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET }
  const edge = await startEdge({ port: 0, dataDir: join(folder, 'data'), cron: false, env: settings })
  endWith(() => edge.dispose())
  const story = await until(edge.url, apiKey, id, () => true)
  assert.deepEqual([story.status, story.attempts.map(({ outcome }) => outcome)], ['queued', ['released']])
  assert.ok(story.frames.some(({ status }) => status === 'succeeded'))
  const claimed = await fetch(`${edge.url}/runner/claim`, {
    method: 'POST',
    headers: { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' },
    body: JSON.stringify({ runner: 'next', model: 'story-mini' }),
  })
  assert.equal(claimed.status, 200)
})

test('a workerd that dies is started again on the same port, said, and the story goes on', needsProc, async (t) => {
  const { run } = await setUp(t, slow)
  const command = run('start.ts', env)
  const url = await line(command.stdout!, /listens on (http:\S+)/)
  const { id } = await post(url, apiKey)
  await until(url, apiKey, id, (story) => story.frames.some(({ status }) => status === 'succeeded'))
  process.kill(workerdOf(command.pid!), 'SIGKILL')
  assert.match(await line(command.stderr!, /^(The edge ended .*)/), /killed by SIGKILL.*starting it again/)
  await line(command.stderr!, /^(The edge listens again)/)
  assert.equal((await until(url, apiKey, id, isOver)).status, 'succeeded')
  command.kill('SIGTERM')
  assert.deepEqual(await once(command, 'exit'), [0, null])
  await assert.rejects(fetch(url))
})

test('killed outright, it takes the edge and the runner along', needsProc, async (t) => {
  const { run } = await setUp(t)
  const command = run('start.ts', env)
  const url = await line(command.stdout!, /listens on (http:\S+)/)
  const runner = Number(await line(command.stderr!, /"runner.ready","pid":(\d+)/))
  const workerd = workerdOf(command.pid!)
  command.kill('SIGKILL')
  await gone(runner)
  await gone(workerd)
  await assert.rejects(fetch(url))
})

test('an npm that is killed outright takes everything along', needsProc, async (t) => {
  const { npmStart } = await setUp(t)
  const command = npmStart(env)
  const url = await line(command.stdout!, /listens on (http:\S+)/)
  const runner = Number(await line(command.stderr!, /"runner.ready","pid":(\d+)/))
  command.kill('SIGKILL')
  await gone(runner)
  while (await fetch(url).catch(() => undefined));
})

/** The process of that name among the children of `pid`. */
function workerdOf(pid: number): number {
  const children = readdirSync(`/proc/${pid}/task`)
    .flatMap((task) => readFileSync(`/proc/${pid}/task/${task}/children`, 'utf8').trim().split(' '))
    .filter(Boolean)
  const found = children.find((child) => readFileSync(`/proc/${child}/comm`, 'utf8').startsWith('workerd'))
  if (!found) throw new Error(`no workerd among the children of ${pid}`)
  return Number(found)
}
