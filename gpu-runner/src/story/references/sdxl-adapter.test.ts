/** ID-Injector, regions and shared attention with its leak guard on an SDXL model with IP-Adapter weights. */
import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { goldenSdxl, sdxlAdapters } from '../../../../test/golden-sdxl.ts'
import { encodePng } from '../../engine/io/png.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { storyModel } from '../open.ts'
import type { GenerateOptions } from '../types.ts'

const fox = {
  ...{ id: 'fox', name: 'Fern', description: 'an orange fox wearing a blue shirt and black boots' },
  references: [await portrait([210, 110, 30], [30, 60, 200])],
}
const owl = {
  ...{ id: 'owl', name: 'Ola', description: 'a white owl wearing a green coat' },
  references: [await portrait([230, 230, 220], [20, 140, 60])],
}
/** The first two of each character are what all others attend to, so that changes to the shared frame stay in it. */
const prompts = ['Fern waves', 'Ola sits', 'Fern reads', 'Ola sleeps', 'Fern and Ola dance', 'a beach at night']
const [foxAlone, both, empty] = [[0, 2], 4, 5]
const frames = prompts.map((prompt) => ({ prompt }))
const story = { characters: [fox, owl], frames, steps: 2, guidance_scale: 1, scheduler: 'ddim' }

for (const [kind, file] of Object.entries(sdxlAdapters))
  test(`sdxl, ${kind}: two characters with a reference each`, async (t) => {
    const folder = goldenSdxl(t)
    const generate = await open(t, folder, file)
    const whole = await generate(story)
    assert.deepEqual([...whole.latents.keys()], [...frames.keys()])
    for (const latents of whole.latents.values()) assert.ok(latents.every(Number.isFinite))

    // The injector makes the difference, where there is somebody, and nothing else does.
    const off = await generate({ ...story, consistency: { injector: 0 } })
    for (const index of frames.keys())
      assert.equal(same(whole, off, index), index === empty, `frame ${index} with and without the injector`)
    // The same for every adapter, and models take long to open.
    const without = kind === 'base' ? await (await open(t, folder))(story) : off
    for (const index of frames.keys()) assert.ok(same(off, without, index), `frame ${index} without the adapter`)

    const red = [await portrait([180, 20, 20], [20, 20, 20])]
    const other = await generate({ ...story, characters: [fox, { ...owl, references: red }] })
    for (const index of frames.keys())
      assert.equal(same(other, whole, index), [...foxAlone, empty].includes(index), `frame ${index}, another owl`)

    // Each module of the method has its say.
    const wholly = await generate({ ...story, consistency: { regions: false } })
    assert.ok(!same(wholly, whole, 0), 'regions make no difference')
    const unguarded = await generate({ ...story, consistency: { leak_guard: false } })
    for (const index of frames.keys())
      assert.equal(same(unguarded, whole, index), index !== both, `frame ${index} with and without the leak guard`)
    const unshared = await generate({ ...story, consistency: { synchronizer: 0 } })
    assert.ok(!same(unshared, whole, 0), 'shared attention makes no difference')

    // From the bank, which brings the references along.
    for (const index of [0, both]) {
      const again = { frames: [{ ...frames[index]!, seed: whole.seeds[index]! }] }
      const { latents } = await generate(again, { bank: whole.bank!, seed: 77 })
      const apart = difference(latents.get(0)!, whole.latents.get(index)!)
      assert.ok(apart <= 1e-5, `frame ${index} drawn alone differs by ${apart} of the largest latent`)
    }
  })

/** Generates a story: its bank, and for each frame the latents that were decoded, and its seed. */
async function open(t: TestContext, folder: string, ipAdapter?: string) {
  const opened = await openPipeline(folder, { ipAdapter })
  let decoded = new Float32Array()
  const autoencoder: typeof opened.autoencoder = {
    ...opened.autoencoder,
    decode(latents, settings) {
      decoded = Float32Array.from(latents.data as Float32Array)
      return opened.autoencoder.decode(latents, settings)
    },
  }
  const model = storyModel({ ...opened, autoencoder }, { check: false })
  t.after(() => model.close())
  return async (request: StoryInput, options: Partial<GenerateOptions> = {}) => {
    const generated: Generated = { latents: new Map(), seeds: [], bank: undefined }
    const { signal } = new AbortController()
    for await (const event of model.generate(StoryRequest.parse(request), { seed: 5, signal, ...options })) {
      if (event.type === 'bank') generated.bank = event.bytes
      if (event.type !== 'frame') continue
      generated.latents.set(event.frame.index, decoded)
      generated.seeds[event.frame.index] = event.frame.seed
    }
    return generated
  }
}

interface Generated {
  readonly latents: Map<number, Float32Array>
  readonly seeds: number[]
  bank: Uint8Array | undefined
}

function same(a: Generated, b: Generated, index: number): boolean {
  const bytes = ({ latents }: Generated) => Buffer.from(latents.get(index)!.buffer)
  return Buffer.compare(bytes(a), bytes(b)) === 0
}

/** The largest, as a share of the largest value. */
function difference(a: Float32Array, b: Float32Array): number {
  const most = (values: Float32Array) => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  return most(a.map((value, i) => value - b[i]!)) / most(a)
}

/** A figure on white, its head of one colour and its body of another. */
async function portrait(head: readonly number[], body: readonly number[]): Promise<string> {
  const [width, height] = [48, 64]
  const rgb = new Uint8Array(width * height * 3).fill(255)
  for (let y = 6; y < 60; y++) for (let x = 14; x < 34; x++) rgb.set(y < 24 ? head : body, (y * width + x) * 3)
  return `data:image/png;base64,${Buffer.from(await encodePng({ rgb, width, height })).toString('base64')}`
}
