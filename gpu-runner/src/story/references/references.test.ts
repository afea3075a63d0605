import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import sharp from 'sharp'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { sd15 } from '../../../../test/model-folder.ts'
import { encodePng } from '../../engine/io/png.ts'
import { openPipeline } from '../../engine/pipeline/open.ts'
import { type StoryModelOptions, storyModel } from '../open.ts'
import { StoryRejected } from '../types.ts'
import { plainBackground } from './foreground.ts'
import { regionMasks } from './prompt-guided-segmentation.ts'
import { prepareReferences } from './references.ts'

const adapters = { base: join(sd15, '../ip_base.safetensors'), plus: join(sd15, '../ip_plus.safetensors') }
const forever = new AbortController().signal
const uri = (bytes: Uint8Array) => `data:image/png;base64,${Buffer.from(bytes).toString('base64')}`
const square = await portrait([40, 90, 200])
const fox = { id: 'fox', name: 'Fern', description: 'a red fox in a blue coat and black boots' }
const cat = { id: 'cat', name: 'Tom', description: 'a gray cat in a yellow shirt' }

for (const [kind, file] of Object.entries(adapters))
  test(`${kind}: references change the frames their character is in and no others, the same way each time`, async (t) => {
    const generate = await open(t, file)
    const frames = [{ prompt: 'Fern waves' }, { prompt: 'Tom sleeps' }, { prompt: 'Fern sits' }]
    const story = (references: string[], more: Partial<StoryInput> = {}) =>
      generate({ characters: [{ ...fox, references }, cat], frames, steps: 3, ...more })
    const [plain, first, again, other] = [
      await story([]),
      await story([square]),
      await story([square]),
      await story([await portrait([200, 30, 60])]),
    ]
    assert.ok(same(again, first))
    for (const frame of [0, 2]) {
      assert.ok(!same([first[frame]!], [plain[frame]!]), `frame ${frame} is as without references`)
      assert.ok(!same([other[frame]!], [first[frame]!]), `frame ${frame} is the same for another reference`)
    }
    assert.ok(same([first[1]!], [plain[1]!]))
    assert.ok(same(await story([square], { consistency: { injector: 0 } }), plain))
    const wholly = await story([square], { consistency: { regions: false } })
    assert.ok(!same([wholly[0]!], [first[0]!]))
    const alone = await story([square], { consistency: { synchronizer: 0 } })
    assert.ok(!same([alone[0]!], [first[0]!]))
  })

test('a frame with references drawn alone is the frame drawn with the others; three characters keep to their own', async (t) => {
  const generate = await open(t, adapters.plus)
  const owl = { id: 'owl', name: 'Ola', description: 'a white owl wearing a green hat' }
  const characters = [fox, cat, owl].map((character) => ({ ...character, references: [square] }))
  const story = {
    characters,
    frames: [{ prompt: 'Fern, Tom and Ola' }, { prompt: 'Ola, Tom and Fern dance' }],
    steps: 3,
  }
  const both = await generate(story)
  const second = await generate(story, { skip: new Set([0]) })
  assert.equal(both.length, 2)
  assert.ok(difference(second[0]!, both[1]!) <= 1, `${difference(second[0]!, both[1]!)} of 255 apart`)
  const whole = await (await open(t, adapters.plus, { wholePictures: true }))(story)
  assert.ok(!same([whole[0]!], [both[0]!]))
})

test('what is no picture is the fault of the story, and named by its place', async (t) => {
  const generate = await open(t, adapters.plus)
  const story = (references: string[]) =>
    generate({ characters: [cat, { ...fox, references }], frames: [{ prompt: 'Fern waves' }], steps: 2 })
  const large = await sharp({ create: { width: 10_000, height: 5_001, channels: 3, background: 'red' } })
    .png({ compressionLevel: 9 })
    .toBuffer()
  const pictures = { 'https://a.example/large.png': large, 'https://a.example/none.png': Buffer.from('<svg/>') }
  for (const [source, why] of [
    [uri(Buffer.from('not a picture')), /no readable picture/],
    [uri(Buffer.from(square.slice(22), 'base64').subarray(0, 100)), /no readable picture/],
    ['https://a.example/large.png', /50010000|10000 × 5001/],
    ['https://a.example/none.png', /svg|readable/],
    ['https://a.example/other.png', /was not fetched/],
  ] as const)
    await assert.rejects(generate({ ...(await request([source])) }, { pictures }), (error: unknown) => {
      assert.ok(error instanceof StoryRejected, String(error))
      assert.match(error.message, /^\/characters\/1\/references\/0: /)
      assert.match(error.message, why)
      return true
    })
  await assert.rejects(story([uri(Buffer.from('x'))]), StoryRejected)
  async function request(references: string[]): Promise<StoryInput> {
    return { characters: [cat, { ...fox, references }], frames: [{ prompt: 'Fern waves' }], steps: 2 }
  }
})

test('a model without an adapter tells the story by text, and encodes nothing', async (t) => {
  const generate = await open(t, undefined)
  const story = { characters: [{ ...fox, references: [square] }], frames: [{ prompt: 'Fern waves' }], steps: 2 }
  assert.ok(same(await generate(story), await generate({ ...story, characters: [fox] })))
})

test('all references of a character are used, the whole and its parts', async (t) => {
  const pipeline = await openPipeline(sd15, { ipAdapter: adapters.plus })
  t.after(() => pipeline.release())
  const characters = [cat, { ...fox, references: [square, square] }]
  const story = StoryRequest.parse({ characters, frames: [{ prompt: 'Fern' }] })
  const { tokens, cast } = (await prepareReferences(pipeline, story, { regions: true, signal: forever }))!
  assert.equal(cast[0], undefined)
  assert.equal(cast[1]!.whole.length, 2)
  const regions = cast[1]!.regions.map((own) => own.length)
  assert.deepEqual(regions, [2, 2, 2])
  assert.equal(tokens.length, 8)
})

test('a plain background is what the border shows; white inside the character stays', async () => {
  const [size, inside] = [32, (p: number) => Math.hypot((p % 32) - 16, Math.floor(p / 32) - 16)]
  const rgb = new Uint8Array(size * size * 3).fill(255)
  for (let p = 0; p < size * size; p++) if (inside(p) < 10 && inside(p) > 4) rgb.set([30, 120, 60], p * 3)
  const mask = plainBackground({ rgb, width: size, height: size })!
  for (let p = 0; p < size * size; p++) assert.equal(mask[p]! > 127, inside(p) < 10, `pixel ${p}`)
  const busy = rgb.map((_, i) => (i * 7919) % 256)
  assert.equal(plainBackground({ rgb: busy, width: size, height: size }), null)
  assert.equal(plainBackground({ rgb: rgb.map(() => 90), width: size, height: size }), null)
})

test('pixels go to the region attended to most, and an empty region to its usual band', () => {
  const grid = { width: 4, height: 4 }
  const mask = new Uint8Array(16).fill(255)
  const upperHalf = Float32Array.from({ length: 16 }, (_, p) => Number(p < 8))
  const lowerHalf = upperHalf.map((value) => 1 - value)
  const [face, upper, lower] = regionMasks(mask, [upperHalf, null, lowerHalf], grid, grid).map((part) =>
    [...part].map((value) => Number(value > 0)),
  )
  assert.deepEqual(face, [...upperHalf])
  assert.deepEqual(lower, [...lowerHalf])
  assert.deepEqual(upper, [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0])
})

/** A figure of one colour on white. */
async function portrait(colour: readonly [number, number, number]): Promise<string> {
  const [width, height] = [48, 64]
  const rgb = new Uint8Array(width * height * 3).fill(255)
  for (let y = 6; y < 60; y++) for (let x = 14; x < 34; x++) rgb.set(colour, (y * width + x) * 3)
  return uri(await encodePng({ rgb, width, height }))
}

async function open(t: TestContext, ipAdapter: string | undefined, options: StoryModelOptions = {}) {
  const pipeline = await openPipeline(sd15, { ipAdapter })
  const model = storyModel(pipeline, options)
  t.after(() => model.close())
  return async (story: StoryInput, more: { skip?: Set<number>; pictures?: Record<string, Uint8Array> } = {}) => {
    const pictures: Uint8Array[] = []
    for await (const event of model.generate(StoryRequest.parse(story), { seed: 5, signal: forever, ...more }))
      if (event.type === 'frame') pictures.push(event.frame.rgb)
    return pictures
  }
}

/** Not by deepEqual, whose account of how two pictures differ takes gigabytes. */
const same = (a: readonly Uint8Array[], b: readonly Uint8Array[]) =>
  a.length === b.length && a.every((picture, i) => Buffer.compare(picture, b[i]!) === 0)

const difference = (a: Uint8Array, b: Uint8Array) =>
  a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0)
