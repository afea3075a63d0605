/** Runner processes against a real edge: killed, stopped, frozen, canceled, crashing. No story is lost or announced twice. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { StoryInput } from '../../contract/story.ts'
import { isTerminal, type Story, type StoryWebhook } from '../../contract/story-view.ts'
import { testReceiver } from '../../test/receiver.ts'
import { startRunner } from '../../test/runner.ts'
import { testEdge } from '../../test/worker.ts'

/** A model a test, so that no test's runner can take another's story. */
const models = [
  'killed',
  'stopped',
  'waiting',
  'idle',
  'frozen',
  'canceled',
  'rejected',
  'crashed',
  'wrong-secret',
  'damaged',
  'overflow',
]
const edge = await testEdge({ LEASE_SECONDS: '2', MODELS: models.join() })
const receiver = await testReceiver(() => ({ status: 200 }))

/** Slow enough to be caught between two frames. */
const slow = { stepMs: 300, steps: 1 }

test('kill -9 in mid-story: another runner finishes it, no frame is lost, the app gets one message', async (t) => {
  const first = await startRunner(t, edge.url, { ...slow, name: 'killed' })
  const { id } = await post('killed')
  const caught = await until(id, (story) => finishedFrames(story) >= 1)
  first.child.kill('SIGKILL')
  const drawn = await edge.app<string>('GET', frameUrl(caught, 0))
  const second = await startRunner(t, edge.url, { ...slow, name: 'killed' })
  const story = await until(id, ({ status }) => isTerminal(status))
  assert.deepEqual([story.status, story.attempts.length, finishedFrames(story)], ['succeeded', 2, 4])
  assert.notDeepEqual((await second.logged('story.claimed')).finished_frames, [])
  assert.equal((await edge.app<string>('GET', frameUrl(story, 0))).body, drawn.body)
  assert.ok(story.urls.storyboard)
  assert.deepEqual(await webhooks('killed', 'story.completed'), ['story.completed'])
})

test('SIGTERM hands the story back and ends well; the attempt is not held against it', async (t) => {
  const first = await startRunner(t, edge.url, { ...slow, name: 'stopped' })
  const { id } = await post('stopped')
  await until(id, (story) => finishedFrames(story) >= 1)
  first.child.kill('SIGTERM')
  await first.logged('story.released')
  assert.equal((await edge.read(id)).status, 'queued')
  assert.deepEqual(await first.exited, { code: 0, signal: null })
  await startRunner(t, edge.url, { name: 'stopped' })
  const story = await until(id, ({ status }) => isTerminal(status))
  assert.deepEqual([story.status, finishedFrames(story)], ['succeeded', 4])
})

test('SIGTERM while it waits for a story ends the runner, and takes no story with it', async (t) => {
  const long = { FABLEFRAME_CLAIM_WAIT: '60', FABLEFRAME_RUNNER: 'patient' }
  const runner = await startRunner(t, edge.url, { name: 'waiting' }, long)
  await runner.logged('runner.ready')
  runner.child.kill('SIGTERM')
  assert.deepEqual(await runner.exited, { code: 0, signal: null })
  const { id } = await post('waiting')
  await startRunner(t, edge.url, { name: 'waiting' })
  assert.deepEqual(await until(id, isOver).then(({ status, attempts }) => [status, attempts.length]), ['succeeded', 1])
})

test('a runner without stories stops by itself when told so, and the edge knows at once', async (t) => {
  const env = { FABLEFRAME_IDLE_EXIT: '2', FABLEFRAME_CLAIM_WAIT: '60', FABLEFRAME_RUNNER: 'thrifty' }
  const runner = await startRunner(t, edge.url, { name: 'idle' }, env)
  const { id } = await post('idle')
  assert.equal((await until(id, isOver)).status, 'succeeded')
  assert.equal((await runner.logged('runner.idle')).seconds, 2)
  assert.deepEqual(await runner.exited, { code: 0, signal: null })
  const { body } = await edge.app<{ results: { name: string; present: boolean }[] }>('GET', '/runners')
  assert.equal(body.results.find(({ name }) => name === 'thrifty')?.present, false)
  const wrong = await startRunner(t, edge.url, {}, { FABLEFRAME_IDLE_EXIT: 'soon' })
  assert.match(String((await wrong.logged('runner.misconfigured')).errors), /FABLEFRAME_IDLE_EXIT/)
})

test('a runner frozen past its lease is refused when it wakes, and serves on', async (t) => {
  const first = await startRunner(t, edge.url, { ...slow, name: 'frozen' })
  const { id } = await post('frozen')
  await until(id, (story) => finishedFrames(story) >= 1)
  first.child.kill('SIGSTOP')
  const second = await startRunner(t, edge.url, { name: 'frozen' })
  const story = await until(id, isOver)
  assert.deepEqual([story.status, story.attempts.length], ['succeeded', 2])
  first.child.kill('SIGCONT')
  await first.logged('story.stale')
  assert.deepEqual(await webhooks('frozen', 'story.completed'), ['story.completed'])
  second.child.kill('SIGKILL')
  assert.equal((await until((await post('frozen')).id, isOver)).status, 'succeeded')
})

test('a cancellation stops the sampling within a heartbeat, and the runner serves the next story', async (t) => {
  const runner = await startRunner(t, edge.url, { name: 'canceled', stepMs: 50 })
  const { id } = await post('canceled', { steps: 100 })
  await until(id, ({ progress }) => (progress?.step ?? 0) > 0)
  assert.equal((await edge.app('POST', `/stories/${id}/cancel`)).status, 200)
  const story = await until(id, isOver)
  assert.equal(story.status, 'canceled')
  assert.ok((story.progress?.step ?? 0) < 100)
  await runner.logged('story.canceled')
  assert.deepEqual(await webhooks('canceled', 'story.canceled'), ['story.canceled'])
  assert.equal((await until((await post('canceled')).id, isOver)).status, 'succeeded')
})

test('a story that the model rejects fails at once, and says why', async (t) => {
  await startRunner(t, edge.url, { name: 'rejected' })
  const story = await until((await post('rejected', { style: 'unheard-of' })).id, isOver)
  assert.deepEqual([story.status, story.attempts.length, story.error?.code], ['failed', 1, 'invalid_story'])
  assert.match(story.error?.message ?? '', /unheard-of/)
})

test('damaged weights are the machine’s fault: the story goes to another at once, and this runner ends', async (t) => {
  const broken = await startRunner(t, edge.url, { name: 'damaged' })
  await writeFile(join(broken.folder, 'broken'), '')
  await broken.logged('runner.ready')
  const { id } = await post('damaged')
  assert.match(String((await broken.logged('story.broken')).error), /tensor 'conv_in'/)
  assert.match(String((await broken.logged('runner.failed')).error), /this machine cannot generate stories/)
  assert.equal((await broken.exited).code, 1)
  assert.equal((await edge.read(id)).status, 'queued')
  await startRunner(t, edge.url, { name: 'damaged' })
  const story = await until(id, isOver)
  assert.deepEqual(
    [story.status, story.attempts.map(({ outcome }) => outcome), story.error],
    ['succeeded', ['released', 'succeeded'], null],
  )
})

test('numbers that overflow are tried on another machine, and no word of a machine reaches the app', async (t) => {
  const first = await startRunner(t, edge.url, { name: 'overflow' }, { FABLEFRAME_RUNNER: 'first' })
  await writeFile(join(first.folder, 'overflow'), '')
  const { id } = await post('overflow')
  await first.logged('story.failed')
  const second = await startRunner(t, edge.url, { name: 'overflow' }, { FABLEFRAME_RUNNER: 'second' })
  await writeFile(join(second.folder, 'overflow'), '')
  const story = await until(id, isOver)
  assert.deepEqual([story.status, story.error?.code], ['failed', 'invalid_story'])
  assert.deepEqual(
    story.attempts.map(({ runner }) => runner),
    ['first', 'second'],
  )
  assert.doesNotMatch(story.error?.message ?? '', new RegExp(`${first.folder}|${second.folder}|unet`))
})

test('a sampler thread that dies costs an attempt, not the story', async (t) => {
  const runner = await startRunner(t, edge.url, { name: 'crashed' })
  await writeFile(join(runner.folder, 'crash'), '')
  const story = await until((await post('crashed')).id, isOver)
  assert.deepEqual([story.status, story.attempts.length], ['succeeded', 2])
  assert.equal(existsSync(join(runner.folder, 'crash')), false)
})

test('a runner that lives keeps a file fresh, and a health check reads it', async (t) => {
  const runner = await startRunner(
    t,
    edge.url,
    { name: 'waiting' },
    { FABLEFRAME_LIVENESS_FILE: join(tmpdir(), `alive-${process.pid}`) },
  )
  await runner.logged('runner.ready')
  const file = join(tmpdir(), `alive-${process.pid}`)
  t.after(() => rm(file, { force: true }))
  const check = () =>
    spawnSync(process.execPath, [fileURLToPath(new URL('cli/alive.ts', import.meta.url))], {
      env: { ...process.env, FABLEFRAME_LIVENESS_FILE: file },
      encoding: 'utf8',
    })
  while (!existsSync(file)) await sleep(20)
  assert.deepEqual([check().status, check().stderr], [0, ''])
  const old = new Date(Date.now() - 120_000)
  runner.child.kill('SIGKILL')
  await runner.exited
  await utimes(file, old, old)
  assert.deepEqual([check().status, /has not been alive for 60 s/.test(check().stderr)], [1, true])
})

test('wrong settings: every one is named, no secret is shown, exit 2', async (t) => {
  const runner = await startRunner(
    t,
    'nowhere',
    {},
    { RUNNER_WEBHOOK_SECRET: 'open-sesame', FABLEFRAME_DEVICE: 'abacus' },
  )
  const { errors } = await runner.logged('runner.misconfigured')
  assert.deepEqual(
    (errors as string[]).map((error) => error.split(':')[0]),
    ['FABLEFRAME_EDGE_URL', 'RUNNER_WEBHOOK_SECRET', 'FABLEFRAME_DEVICE'],
  )
  assert.doesNotMatch(JSON.stringify(errors), /open-sesame/)
  assert.equal((await runner.exited).code, 2)
})

test('a token that the edge does not know ends the runner, which says so', async (t) => {
  const runner = await startRunner(t, edge.url, {}, { RUNNER_TOKEN: 'another-token-altogether' })
  assert.match(String((await runner.logged('runner.failed')).error), /\/runner\/claim: 401 Unauthorized/)
  assert.equal((await runner.exited).code, 1)
})

test('a secret that the edge does not know: the story is given back before the runner ends', async (t) => {
  const wrong = `whsec_${btoa('not the secret of the runners in tests')}`
  const runner = await startRunner(t, edge.url, { name: 'wrong-secret' }, { RUNNER_WEBHOOK_SECRET: wrong })
  const { id } = await post('wrong-secret')
  assert.match(String((await runner.logged('runner.failed')).error), /400 Bad signature/)
  await startRunner(t, edge.url, { name: 'wrong-secret' })
  assert.equal((await until(id, isOver)).status, 'succeeded')
})

/** A story for the runner whose model is so called. */
test('LoRA files named in the environment reach the model; a scale that is no number is refused at the start', async (t) => {
  const real = { FABLEFRAME_MODEL: fileURLToPath(new URL('../models/story-mini', import.meta.url)) }
  const module = { FABLEFRAME_MODEL_MODULE: fileURLToPath(new URL('story/open.ts', import.meta.url)) }
  const env = (loras: string) => ({ ...real, ...module, FABLEFRAME_LORAS: loras })
  const missing = await startRunner(t, edge.url, {}, env('/nowhere/style.safetensors:0.5'))
  assert.match(String((await missing.logged('runner.failed')).error), /\/nowhere\/style\.safetensors/)
  const wrong = await startRunner(t, edge.url, {}, env('style.safetensors:much'))
  assert.match(String((await wrong.logged('runner.misconfigured')).errors), /FABLEFRAME_LORAS: .*'much' is no scale/)
  assert.deepEqual(await wrong.exited, { code: 2, signal: null })
})

test('a number of threads that is none is refused at the start', async (t) => {
  const wrong = await startRunner(t, edge.url, {}, { FABLEFRAME_THREADS: 'all' })
  assert.match(String((await wrong.logged('runner.misconfigured')).errors), /FABLEFRAME_THREADS: .*1 to 256, not 'all'/)
  assert.deepEqual(await wrong.exited, { code: 2, signal: null })
})

async function post(name: string, fields: Partial<StoryInput> = {}): Promise<Story> {
  const frames = ['one', 'two', 'three', 'four'].map((prompt) => ({ prompt }))
  return edge.post({
    frames,
    model: name,
    webhook: `${receiver.url}/${name}`,
    webhook_events_filter: ['completed'],
    ...fields,
  })
}

function isOver({ status }: Story): boolean {
  return isTerminal(status)
}

function finishedFrames({ frames }: Story): number {
  return frames.filter(({ status }) => status === 'succeeded').length
}

function frameUrl({ frames }: Story, index: number): string {
  const url = frames[index]?.url
  if (!url) throw new Error(`frame ${index} is not there`)
  return url
}

async function until(id: string, reached: (story: Story) => boolean): Promise<Story> {
  for (;;) {
    const story = await edge.read(id)
    if (reached(story)) return story
    if (isTerminal(story.status)) throw new Error(`the story ended as ${story.status}: ${story.error?.message}`)
    await sleep(50)
  }
}

/** The types of all webhooks for `name` so far, once one of `type` has come and the edge has sent all that is due. */
async function webhooks(name: string, type: StoryWebhook['type']): Promise<string[]> {
  await receiver.requests(`/${name}`, 1)
  await edge.runCron()
  const types = receiver.received
    .filter(({ path }) => path === `/${name}`)
    .map(({ body }) => (JSON.parse(body) as StoryWebhook).type)
  assert.ok(types.includes(type))
  return types
}
