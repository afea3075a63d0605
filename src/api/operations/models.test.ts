/** Models that runners announce: who learns of them, and the warnings that stories get. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import type { DryRun } from '../../../contract/character.ts'
import type { Problem } from '../../../contract/problem.ts'
import { PROTOCOL } from '../../../contract/protocol.ts'
import type { AcceptedStory, Story } from '../../../contract/story-view.ts'
import { drawingAbilities } from '../../../test/drawing-model.ts'
import { RUNNER_TOKEN, testEdge } from '../../../test/worker.ts'

const { call, app, wrong } = await testEdge()
const headers = { authorization: `Bearer ${RUNNER_TOKEN}`, 'content-type': 'application/json' }
const runner = (path: string, body: object) => call('POST', `/runner/${path}`, { headers, body: JSON.stringify(body) })
const abilities = { ...drawingAbilities, references: false, largest_side: 512 }
const announce = (name = 'sd15', about = abilities) =>
  runner('announce', { runner: `of-${name}`, protocol: 2, model: { name, abilities: about } })
const frames = [{ prompt: 'a lighthouse' }]
type Models = { results: { name: string; runners: number; last_seen: string | null; abilities: object | null }[] }

test('a model that nobody has announced is unknown, and can be asked for once a runner has', async () => {
  assert.match(
    (await wrong('POST', '/stories', { frames, model: 'sd15' })).detail,
    /unknown model sd15; served are story-mini/,
  )
  assert.deepEqual((await announce()).body, { protocol: PROTOCOL, set_aside_until: null, claim_wait: 60 })
  const { status, body } = await app<AcceptedStory>('POST', '/stories', { frames, model: 'sd15' })
  assert.deepEqual([status, body.model, body.warnings], [202, 'sd15', undefined])
})

test('a story that names no model gets one that is there', async () => {
  await announce()
  assert.equal((await app<Story>('POST', '/stories', { frames })).body.model, 'sd15')
})

test('models are listed with what they can do, in our words and in Replicate’s', async () => {
  await announce()
  const { results } = (await app<Models>('GET', '/models')).body
  assert.deepEqual(
    results.map(({ name, runners, abilities }) => [name, runners, abilities !== null]),
    [
      ['story-mini', 0, false],
      ['sd15', 1, true],
    ],
  )
  const { body } = await app<{ results: { name: string; description: string }[] }>('GET', '/v1/models')
  assert.match(body.results.find(({ name }) => name === 'sd15')?.description ?? '', /Last seen at a runner: 20/)
})

test('what the model cannot do is refused before it is queued, and what it ignores is warned of', async () => {
  await announce()
  const post = { frames, model: 'sd15', width: 1024, scheduler: 'unipc' }
  for (const path of ['/stories', '/stories?dry_run=true']) {
    const { errors } = (await app<Problem>('POST', path, post)).body
    assert.deepEqual(errors?.map(({ pointer }) => pointer).sort(), ['/scheduler', '/width'])
  }
  const pixel =
    'data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  const fox = { id: 'fox', name: 'Fern', description: 'a fox', references: [pixel] }
  const story = { characters: [fox], frames: [{ prompt: 'Fern waves' }], model: 'sd15' }
  const { body } = await app<z.infer<typeof DryRun>>('POST', '/stories?dry_run=true', story)
  assert.deepEqual(body.warnings, [
    '/characters/0/references: sd15 cannot read reference pictures; they have no effect',
  ])
})

test('a story for a model whose runners have gone says so, and has no time to go', async () => {
  await announce('gone')
  assert.equal((await runner('goodbye', { runner: 'of-gone' })).status, 204)
  const { body } = await app<AcceptedStory>('POST', '/stories', { frames, model: 'gone' })
  assert.match(body.warnings?.join() ?? '', /^\/model: no runner serves gone now/)
  assert.equal((await app<Story>('GET', `/stories/${body.id}`)).body.queue?.eta_seconds, null)
})

test('runners are listed for admins, and counted in metrics', async () => {
  await announce()
  const { results } = (await app<{ results: { name: string; present: boolean }[] }>('GET', '/runners')).body
  assert.deepEqual(results.find(({ name }) => name === 'of-sd15')?.present, true)
  assert.equal((await call('GET', '/runners')).status, 401)
})

test('an announcement that makes no sense is refused', async () => {
  const { status, body } = await announce('odd', { ...abilities, largest_side: -1 })
  assert.deepEqual([status, (body as Problem).errors?.[0]?.pointer], [422, '/model/abilities/largest_side'])
})
