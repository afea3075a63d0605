import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { type StoryEvent, StoryRejected } from '../../story/types.ts'
import { Sampler, SamplerFailed } from './thread.ts'

const module = new URL('../../../../test/drawing-model.ts', import.meta.url).href
const forever = new AbortController().signal

test('a story generated on the thread: its steps and frames arrive in order, and skipped frames do not', async (t) => {
  const { sampler } = await drawing(t)
  const events = await Array.fromAsync(
    sampler.generate(story({ steps: 3 }), { seed: 7, signal: forever, skip: new Set([1]) }),
  )
  assert.deepEqual(
    events.filter((event) => event.type === 'step').map(({ step }) => step),
    [1, 2, 3],
  )
  const frames = events.flatMap((event) => (event.type === 'frame' ? event.frame : []))
  assert.deepEqual(
    frames.map(({ index, width, height, seed, rgb }) => [index, width, height, seed, rgb.length]),
    [0, 2].map((index) => [index, 64, 64, 7, 64 * 64 * 3]),
  )
})

test('the main thread goes on while a step blocks the sampler', async (t) => {
  const { sampler } = await drawing(t, { stepMs: 100, steps: 3 })
  await sampler.open()
  let turns = 0
  const timer = setInterval(() => turns++, 5)
  for await (const _ of sampler.generate(story({}), { seed: 1, signal: forever }));
  clearInterval(timer)
  assert.ok(turns > 10, `${turns} turns of the main thread during 300 ms of blocking steps`)
})

test('an abort stops the story at the next step, and the same model generates the next one', async (t) => {
  const { sampler } = await drawing(t, { stepMs: 5, steps: 100_000 })
  const abort = new AbortController()
  await assert.rejects(async () => {
    for await (const event of sampler.generate(story({}), { seed: 1, signal: abort.signal }))
      if (event.type === 'step' && event.step === 2) abort.abort(new Error('canceled by its owner'))
  }, /canceled by its owner/)
  assert.equal(frames(await Array.fromAsync(sampler.generate(story({ steps: 1 }), { seed: 1, signal: forever }))), 3)
})

test('leaving the loop early leaves the thread free for the next story', async (t) => {
  const { sampler } = await drawing(t, { stepMs: 5, steps: 100_000 })
  for await (const event of sampler.generate(story({}), { seed: 1, signal: forever })) if (event.type === 'step') break
  assert.equal(frames(await Array.fromAsync(sampler.generate(story({ steps: 1 }), { seed: 1, signal: forever }))), 3)
})

test('a step that outlasts the grace after an abort is cut off with its thread; the next story gets a new one', async (t) => {
  const { sampler } = await drawing(t, { stepMs: 60_000 }, { grace: 50 })
  const abort = new AbortController()
  await assert.rejects(async () => {
    for await (const event of sampler.generate(story({}), { seed: 1, signal: abort.signal }))
      if (event.type === 'stage') abort.abort()
  }, /aborted/)
  assert.equal((await sampler.open()).name, 'story-mini')
})

test('a story that the model rejects is distinguished from a model that fails', async (t) => {
  const { sampler, folder } = await drawing(t)
  const generate = (request: StoryRequest) => Array.fromAsync(sampler.generate(request, { seed: 1, signal: forever }))
  await assert.rejects(generate(story({ scheduler: 'unheard-of' })), (error) => {
    assert.ok(error instanceof StoryRejected)
    assert.match(error.message, /unheard-of/)
    return true
  })
  await writeFile(join(folder, 'fail'), '')
  await assert.rejects(
    generate(story({})),
    (error) => error instanceof SamplerFailed && /device was lost/.test(error.message),
  )
  assert.equal(frames(await generate(story({}))), 3)
})

test('a thread that dies in mid-story fails that story alone', async (t) => {
  const { sampler, folder } = await drawing(t)
  await writeFile(join(folder, 'crash'), '')
  const generate = () => Array.fromAsync(sampler.generate(story({}), { seed: 1, signal: forever }))
  await assert.rejects(generate(), (error) => error instanceof SamplerFailed)
  assert.equal(frames(await generate()), 3)
})

test('a folder without a model: the error names the folder and the reason', async (t) => {
  const sampler = new Sampler({ module, folder: '/nowhere/at-all', device: 'cpu' })
  t.after(() => sampler.close())
  await assert.rejects(sampler.open(), /the model in \/nowhere\/at-all could not be opened: .*ENOENT/)
})

test('memory above the limit replaces the thread between two stories', async (t) => {
  const { sampler } = await drawing(t, {}, { memoryLimit: 1 })
  const first = await sampler.open()
  assert.notEqual(await sampler.open(), first)
})

function story(fields: Partial<StoryInput>): StoryRequest {
  return StoryRequest.parse({ frames: [{ prompt: 'one' }, { prompt: 'two' }, { prompt: 'three' }], ...fields })
}

function frames(events: StoryEvent[]): number {
  return events.filter((event) => event.type === 'frame').length
}

async function drawing(t: TestContext, settings = {}, limits = {}): Promise<{ sampler: Sampler; folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'drawing-'))
  await writeFile(join(folder, 'drawing.json'), JSON.stringify(settings))
  const sampler = new Sampler({ module, folder, device: 'cpu' }, limits)
  t.after(async () => {
    await sampler.close()
    await rm(folder, { recursive: true })
  })
  return { sampler, folder }
}
