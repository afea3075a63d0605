/** Characters that share a frame attend to themselves in other frames, and never to each other. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { BankSettings } from '../../../../contract/bank.ts'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { sd15, sdxl } from '../../../../test/model-folder.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { encodeBank, readBank } from '../bank/bank.ts'
import { storyModel } from '../open.ts'
import { type SynchronizedImage, Synchronizer, type SynchronizerOptions } from './id-synchronizer.ts'

const storyMini = join(import.meta.dirname, '../../../models/story-mini')
const fox = { id: 'fox', name: 'Fern', description: 'an orange fox wearing a blue shirt and a red scarf' }
const owl = { id: 'owl', name: 'Ola', description: 'a white owl wearing a green hat' }
const apart = ['Fern waves in the forest', 'Ola sits', 'Fern reads', 'Ola sleeps'].map((prompt) => ({ prompt }))
const together = { prompt: 'Fern and Ola dance on the beach' }

const grid = { width: 2, height: 2 }
const image: SynchronizedImage = {
  ...{ seed: 1, depicts: [true, true], anchorFor: [true, true], generation: 0, isGiven: false },
  ...{ characterTokens: [[1], [2]], regionTokens: [], regional: null, promptTokens: 4 },
}
const options: SynchronizerOptions = {
  images: [image, image],
  knownMasks: [[Uint8Array.of(1, 1, 0, 0), Uint8Array.of(0, 1, 1, 0)], null],
  attention: { shared: [0], maps: 0 },
  grid,
  ...{ mode: 'amsa', strength: 1, seed: 1, steps: 4, guard: true, withRegions: false },
}

test('each pixel is labelled with the first character whose mask has it, as far as masks are known, or with that of its column', () => {
  const synchronizer = new Synchronizer(options)
  const labels = () => synchronizer.labels()?.map((level) => level.map((frame) => [...frame]))
  const known = [1, 1, 2, 0]
  assert.deepEqual(labels(), [[known, [0, 0, 0, 0]]])
  synchronizer.observe(0, 1, Float32Array.of(0, 9, 0, 0, 9, 0, 0, 0))
  assert.deepEqual(labels(), [[known, [2, 0, 1, 0]]])
  const regional = [{ character: 1 }, { character: 0 }]
  const columns = new Synchronizer({ ...options, images: [image, { ...image, regional }] }).labels()
  assert.deepEqual(
    columns?.map((level) => level.map((frame) => [...frame])),
    [[known, [2, 1, 2, 1]]],
  )
})

test('nobody is guarded when that is turned off, alone in a story, or where frames share in other ways', () => {
  const alone = { ...image, depicts: [true], characterTokens: [[1]] }
  const one = { images: [alone, alone] }
  for (const off of [{ guard: false }, { mode: 'none' as const }, { mode: 'full' as const }, one])
    assert.equal(new Synchronizer({ ...options, ...off }).labels(), undefined)
})

for (const [name, folder] of Object.entries({ 'story-mini': storyMini, sd15, sdxl }))
  test(`${name}: the guard changes frames that characters share, and not a bit of those they are alone in`, async (t) => {
    const generate = await open(t, folder)
    const frames = [...apart, together]
    const whole = (leak_guard?: boolean) =>
      generate({ characters: [fox, owl], frames, steps: 2, consistency: { leak_guard } })
    const [guarded, unguarded] = [await whole(), await whole(false)]
    assert.deepEqual([guarded.settings.leak_guard, unguarded.settings.leak_guard], [true, false])
    // The last is an anchor of nobody, so that no other frame can be changed by it.
    for (const [index, picture] of guarded.pictures.entries())
      assert.equal(Buffer.compare(picture, unguarded.pictures[index]!) === 0, index < apart.length, `frame ${index}`)
  })

test('a story goes on without a guard from a bank of before there was one', async (t) => {
  const generate = await open(t, sd15)
  const { bank } = await generate({
    characters: [fox, owl],
    frames: [...apart, together],
    steps: 2,
    seed: 5,
    consistency: { leak_guard: false },
  })
  const opened = readBank(bank)
  const { leak_guard: _, ...older } = opened.header.settings
  assert.equal(BankSettings.parse(older).leak_guard, false)
  const settings = older as BankSettings
  const file = encodeBank({ ...opened, header: { ...opened.header, settings } })
  const again = await generate({ frames: [{ ...together, seed: 9 }] }, file)
  const before = await generate({ frames: [{ ...together, seed: 9 }] }, bank)
  assert.equal(Buffer.compare(again.pictures[0]!, before.pictures[0]!), 0)
  // A bank from the time when unconditional rows shared attention cannot be sampled again: its anchors are noised.
  const { unconditional: __, ...oldest } = older
  const noised = encodeBank({ ...opened, header: { ...opened.header, settings: oldest as BankSettings } })
  const nearly = await generate({ frames: [{ ...together, seed: 9 }] }, noised)
  assert.notEqual(Buffer.compare(nearly.pictures[0]!, before.pictures[0]!), 0)
})

/** Generates a story: its pictures, and its bank with the settings in there. */
async function open(t: TestContext, folder: string) {
  const model = storyModel(await openPipeline(folder, {}))
  t.after(() => model.close())
  return async (request: StoryInput, file?: Uint8Array) => {
    let bank: Uint8Array | undefined
    const pictures: Uint8Array[] = []
    const signal = new AbortController().signal
    for await (const event of model.generate(StoryRequest.parse(request), { seed: 5, signal, bank: file })) {
      if (event.type === 'bank') bank = event.bytes
      if (event.type === 'frame') pictures[event.frame.index] = event.frame.rgb
    }
    assert.ok(bank)
    return { pictures, bank, settings: readBank(bank).header.settings }
  }
}
