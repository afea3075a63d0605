/** Frames generated later from a character bank are those that would have been generated with the others. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import sharp from 'sharp'
import { BankError, readBankHeader } from '../../../../contract/bank.ts'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { sd15, sdxl } from '../../../../test/model-folder.ts'
import { openPipeline, type PipelineOptions } from '../../engine/pipeline/open.ts'
import { storyModel } from '../open.ts'
import { type GenerateOptions, StoryRejected } from '../types.ts'
import { encodeBank, readBank } from './bank.ts'

const storyMini = join(import.meta.dirname, '../../../models/story-mini')
const fox = { id: 'fox', name: 'Fern', description: 'an orange fox wearing a blue shirt and a red scarf' }
const owl = { id: 'owl', name: 'Ola', description: 'a white owl wearing a green hat' }
const frames = [
  { prompt: 'Fern waves in the forest' },
  { prompt: 'Ola sits on a branch' },
  { prompt: 'Fern and Ola dance on the beach' },
  { prompt: 'Fern reads a book at night' },
  { prompt: 'Ola and Fern walk in the snow' },
]
const story = { characters: [fox, owl], frames, steps: 3 }
/** Of the largest latent: calls with other numbers of rows round otherwise, and no more than that. */
const bound = 1e-5

for (const [name, folder] of Object.entries({ 'story-mini': storyMini, sd15, sdxl })) {
  test(`${name}: a frame drawn alone from the bank is the frame of the story, anchors too`, async (t) => {
    const generate = await open(t, folder)
    const whole = await generate(story)
    assert.equal(readBankHeader(whole.bank!).anchors.length, 3)
    for (const index of name === 'sd15' ? frames.keys() : [2, 4]) {
      // Of another story, with another seed, whose cast is not even said again.
      const seed = whole.seeds[index]!
      const alone = await generate({ frames: [{ ...frames[index]!, seed }] }, { bank: whole.bank!, seed: 77 })
      const apart = difference(alone.latents.get(0)!, whole.latents.get(index)!)
      assert.ok(apart <= bound, `frame ${index} differs by ${apart}`)
      assert.ok(same(alone.bank!, whole.bank!), 'the bank is passed on as it is')
    }
  })
}

test('frames in another order, with their seeds, are the same pictures in that order', async (t) => {
  const generate = await open(t, sd15)
  const whole = await generate({ ...story, frames: frames.slice(0, 4) })
  // Fern's anchors stay the first two frames that show her, and so do Ola's.
  const order = [1, 0, 2, 3]
  const seeded = order.map((i) => ({ ...frames[i]!, seed: whole.seeds[i]! }))
  const turned = await generate({ ...story, frames: seeded }, { seed: 1 })
  for (const [to, from] of order.entries()) {
    const apart = difference(turned.latents.get(to)!, whole.latents.get(from)!)
    assert.ok(apart <= bound, `frame ${from} differs by ${apart}`)
  }
})

test('later frames make no difference to earlier ones, and a character that is new joins the bank', async (t) => {
  const generate = await open(t, sd15)
  const first = await generate({ characters: [fox], frames: frames.slice(0, 1), steps: 3 })
  const header = readBankHeader(first.bank!)
  assert.deepEqual([header.cast.map(({ id }) => id), header.anchors.length], [['fox'], 1])
  const both = { characters: [fox, owl], frames: [frames[2]!, frames[3]!, frames[4]!] }
  const second = await generate(both, { bank: first.bank!, seed: 6 })
  const grown = readBankHeader(second.bank!)
  assert.deepEqual(
    grown.anchors.map(({ generation, shows, sampled }) => [generation, shows, sampled]),
    [
      [0, ['fox'], true],
      [1, ['owl'], true],
      [1, ['owl'], true],
    ],
  )
  for (const [index, frame] of both.frames.entries()) {
    const alone = await generate({ frames: [{ ...frame, seed: second.seeds[index]! }] }, { bank: second.bank! })
    const apart = difference(alone.latents.get(0)!, second.latents.get(index)!)
    assert.ok(apart <= bound, `frame ${index} differs by ${apart}`)
  }
  const [again] = [await generate({ frames: [{ ...frames[0]!, seed: first.seeds[0]! }] }, { bank: second.bank! })]
  assert.ok(difference(again!.latents.get(0)!, first.latents.get(0)!) <= bound)
})

test('under other settings, and for pictures that somebody handed over, anchors are noised, and still the same', async (t) => {
  const generate = await open(t, sd15)
  const made = await generate({ ...story, frames: frames.slice(0, 2) })
  const more = { frames: frames.slice(2), steps: 2, guidance_scale: 4 }
  const later = await generate(more, { bank: made.bank! })
  const alone = await generate({ ...more, frames: [{ ...frames[4]!, seed: later.seeds[2]! }] }, { bank: made.bank! })
  assert.ok(difference(alone.latents.get(0)!, later.latents.get(2)!) <= bound)

  const picture = await portrait()
  const shown = { characters: [fox], frames: frames.slice(3, 4), steps: 3 }
  const [plain, looking] = [
    await generate(shown),
    await generate({ ...shown, anchors: [{ character: 'fox', picture }] }),
  ]
  assert.ok(difference(plain.latents.get(0)!, looking.latents.get(0)!) > 0.01, 'the picture makes no difference')
  const header = readBankHeader(looking.bank!)
  assert.deepEqual(
    header.anchors.map(({ sampled, shows }) => [sampled, shows]),
    [[false, ['fox']]],
  )
  const { rgb } = await openedMask(looking.bank!)
  assert.ok(rgb > 0.1 && rgb < 0.6, `${rgb} of the picture is taken for the fox`)
  const fromBank = await generate({ frames: [{ ...frames[3]!, seed: looking.seeds[0]! }] }, { bank: looking.bank! })
  assert.ok(difference(fromBank.latents.get(0)!, looking.latents.get(0)!) <= bound)
  await assert.rejects(
    generate({ ...shown, anchors: [{ character: 'fox', picture: 'data:image/png;base64,AAAA' }] }),
    rejected(/^\/anchors\/0\/picture: no readable picture/),
  )
})

test('what references made of a character is in the bank, and the pictures are not needed again', async (t) => {
  const generate = await open(t, sd15, { ipAdapter: join(sd15, '../ip_plus.safetensors') })
  const references = [await portrait()]
  const characters = [{ ...fox, references }, owl]
  const whole = await generate({ ...story, characters, frames: frames.slice(0, 4) })
  const alone = await generate({ frames: [{ ...frames[3]!, seed: whole.seeds[3]! }] }, { bank: whole.bank! })
  assert.ok(difference(alone.latents.get(0)!, whole.latents.get(3)!) <= bound)
  const without = await generate({ ...story, frames: frames.slice(0, 4) })
  assert.ok(difference(without.latents.get(3)!, whole.latents.get(3)!) > 1e-3)
})

test('the same story makes the same bytes; a bank that was spoilt, or is of another model, is refused', async (t) => {
  const generate = await open(t, sd15)
  const small = { ...story, frames: frames.slice(0, 2), steps: 2 }
  const { bank } = await generate(small)
  assert.ok(same((await generate(small)).bank!, bank!))
  assert.ok(same(encodeBank(readBank(bank!)), bank!))
  assert.equal((await generate({ frames: [{ prompt: 'a hill' }], steps: 2 })).bank, undefined)

  const opened = readBank(bank!)
  const { header } = opened
  const anchor = header.anchors[0]!
  const spoilt: [string, Uint8Array, RegExp][] = [
    ['empty', new Uint8Array(0), /too few|no safetensors/],
    ['cut', bank!.slice(0, bank!.length - 9), /are not within/],
    ['text', Buffer.from('not a bank at all'), /a header of \d+ bytes/],
    ['another file', encodeBank({ ...opened, header: { ...header, version: 2 as 1 } }), /version/],
    [
      'unknown',
      encodeBank({ ...opened, header: { ...header, anchors: [{ ...anchor, shows: ['cat'] }] } }),
      /no character cat/,
    ],
    [
      'anchors',
      encodeBank({ ...opened, header: { ...header, anchors: [...header.anchors, anchor] } }),
      /anchors\.2\.latent' is missing/,
    ],
    [
      'numbers',
      encodeBank({ ...opened, latents: opened.latents.map((data) => data.map(() => Number.NaN)) }),
      /no numbers/,
    ],
    [
      'masks',
      encodeBank({ ...opened, masks: opened.masks.map((one) => one.map((mask) => mask?.map(() => 3) ?? null)) }),
      /more than 0 and 1/,
    ],
  ]
  for (const [what, bytes, why] of spoilt) {
    assert.throws(
      () => readBank(bytes),
      (error) => error instanceof BankError && why.test(error.message),
      what,
    )
    await assert.rejects(generate({ frames: [{ prompt: 'Fern' }] }, { bank: bytes }), rejected(why), what)
  }
  const at = (settings: object) =>
    encodeBank({ ...opened, header: { ...header, settings: { ...header.settings, ...settings } } })
  const late: [StoryInput, Uint8Array, RegExp][] = [
    [{ frames: [{ prompt: 'Fern' }], width: 64 }, bank!, /its frames are 128×128/],
    [{ frames: [{ prompt: 'Fern' }] }, at({ width: 4096 }), /too large/],
    [{ frames: [{ prompt: 'Fern' }] }, at({ scheduler: 'zigzag' }), /scheduler 'zigzag'/],
    [{ frames: [{ prompt: 'Fern' }] }, at({ width: 64, height: 64 }), /its latents are \[4,16,16\], not \[4,8,8\]/],
    [
      {
        characters: [
          { ...owl, name: 'fern' },
          { ...fox, id: 'x', name: 'X' },
        ],
        frames: [{ prompt: 'Fern' }],
      },
      bank!,
      /another character is called/,
    ],
    [
      { characters: ['a', 'b', 'c'].map((id) => ({ id, name: id, description: 'x' })), frames: [{ prompt: 'Fern' }] },
      bank!,
      /5 characters with those of the bank/,
    ],
  ]
  for (const [request, bytes, why] of late) await assert.rejects(generate(request, { bank: bytes }), rejected(why))
  await assert.rejects(
    (await open(t, sdxl))({ frames: [{ prompt: 'Fern' }] }, { bank: bank! }),
    rejected(/has other latents/),
  )
})

const rejected = (why: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoryRejected, String(error))
  assert.match(error.message, why)
  return true
}

/** Generates a story: its bank, and for each frame the latents that were decoded, and its seed. */
async function open(t: TestContext, folder: string, options: PipelineOptions = {}) {
  const opened = await openPipeline(folder, options)
  let decoded: Float32Array[] = []
  const autoencoder: typeof opened.autoencoder = {
    ...opened.autoencoder,
    decode(latents, settings) {
      decoded.push(latents.data as Float32Array)
      return opened.autoencoder.decode(latents, settings)
    },
  }
  const model = storyModel({ ...opened, autoencoder })
  t.after(() => model.close())
  return async (request: StoryInput, options: Partial<GenerateOptions> = {}) => {
    decoded = []
    let bank: Uint8Array | undefined
    const seeds: number[] = []
    const latents = new Map<number, Float32Array>()
    const signal = new AbortController().signal
    for await (const event of model.generate(StoryRequest.parse(request), { seed: 5, signal, ...options })) {
      if (event.type === 'bank') bank = event.bytes
      if (event.type !== 'frame') continue
      latents.set(event.frame.index, decoded.at(-1)!)
      seeds[event.frame.index] = event.frame.seed
    }
    return { bank, seeds, latents }
  }
}

/** The largest, as a share of the largest value. */
function difference(a: Float32Array, b: Float32Array): number {
  assert.equal(a.length, b.length)
  const most = (values: Float32Array) => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0)
  return most(a.map((value, i) => value - b[i]!)) / most(a)
}

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0

/** Share of the first anchor that is its character. */
async function openedMask(bank: Uint8Array): Promise<{ rgb: number }> {
  const mask = readBank(bank).masks[0]![0]!
  return { rgb: mask.reduce((sum, bit) => sum + bit, 0) / mask.length }
}

/** An orange disc on white. */
async function portrait(): Promise<string> {
  const disc = '<svg width="96" height="64"><circle cx="48" cy="32" r="24" fill="#d07020"/></svg>'
  const png = await sharp(Buffer.from(disc)).flatten({ background: '#fff' }).png().toBuffer()
  return `data:image/png;base64,${png.toString('base64')}`
}
