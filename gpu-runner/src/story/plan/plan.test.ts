/** Plans are pure: no model is opened here. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ModelAbilities } from '../../../../contract/model.ts'
import { withIds } from '../../../../contract/prompts/segment.ts'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { smallBank } from '../../../../test/bank.ts'
import { derivedSeed } from '../../engine/diffusion/noise.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { type Bank, readBank } from '../bank/bank.ts'
import type { ModelFacts } from '../model-facts.ts'
import { StoryRejected } from '../types.ts'
import { type PlanInput, planStory, type StoryPlan } from './plan.ts'

/** A token for each word, by its length, in an encoder of 24. */
const wordTokenizer: Tokenizer = {
  encode: (text) =>
    text
      .split(/\s+/)
      .filter(Boolean)
      .map((word) => word.length),
  padded: (ids, length) => [
    100,
    ...ids.slice(0, length - 2),
    101,
    ...Array(Math.max(0, length - 2 - ids.length)).fill(102),
  ],
  ...{ size: 200, modelMaxLength: 24, bos: 100, eos: 101, pad: 102 },
  withWords: () => wordTokenizer,
}
const abilities: ModelAbilities = {
  ...{ size: { width: 64, height: 64 }, largest_side: 128, side_multiple: 8, schedulers: ['flow-match-euler'] },
  ...{
    clip_skip: 1,
    references: true,
    sharing: true,
    scores: true,
    layout: 'columns',
    prompt_tokens: 22,
    vocabulary: null,
  },
}
const model: ModelFacts = {
  captions: null,
  preset: null,
  ...{ name: 'tiny', abilities, kind: 'flow', tokenizers: [wordTokenizer], latentChannels: 4, factor: 8 },
  scheduler: { _class_name: 'FlowMatchEulerDiscreteScheduler' },
  identityShape: [4, 8],
  fingerprints: () => ({ denoiser: 'd'.repeat(64), autoencoder: 'a'.repeat(64) }),
}
const fern = { id: 'fern', name: 'Fern', description: 'a gray fox in a red scarf' }
const bo = { id: 'bo', name: 'Bo', description: 'a brown bear' }
const frames = ['Fern waves', 'Bo sits', 'Fern and Bo jump', 'a tree', 'Fern reads'].map((prompt) => ({ prompt }))
const plan = (story: Partial<StoryInput>, more: Partial<PlanInput> = {}): StoryPlan =>
  planStory({
    ...{ request: StoryRequest.parse({ characters: [fern, bo], frames, ...story }), seed: 7, bank: null, model },
    ...more,
  })
const rejected = (message: string | RegExp) => (error: unknown) =>
  error instanceof StoryRejected &&
  (typeof message === 'string' ? error.message === message : message.test(error.message))

test('who is in each frame, whom others attend to it for, and to which frames it attends', () => {
  const { images, attendsTo, imageOf, anchors, canRepeat, latentShape } = plan({})
  assert.deepEqual(
    images.map(({ depicts }) => depicts),
    [
      [true, false],
      [false, true],
      [true, true],
      [false, false],
      [true, false],
    ],
  )
  assert.deepEqual(
    images.map(({ anchorFor }) => anchorFor),
    [
      [true, false],
      [false, true],
      [true, true],
      [false, false],
      [false, false],
    ],
  )
  assert.deepEqual(attendsTo, [[2], [2], [0, 1], [], [0, 2]])
  assert.deepEqual([imageOf, anchors, canRepeat, latentShape], [[0, 1, 2, 3, 4], [], true, [4, 8, 8]])
})

test('seeds follow from the story’s and the place of a frame, unless the frame has its own', () => {
  const { images } = plan({ frames: [{ prompt: 'Fern' }, { prompt: 'Fern', seed: 99 }, { prompt: 'Fern' }] })
  assert.deepEqual(
    images.map(({ seed }) => seed),
    [derivedSeed(7, 0), 99, derivedSeed(7, 2)],
  )
})

test('words of each character are found in what is read: the whole prompt, or one for each column', () => {
  const { images } = plan({})
  assert.equal(images[0]!.regional, null)
  assert.deepEqual(images[0]!.characterTokens, [[1, 2, 3, 4, 5, 6, 7, 8], []])
  assert.deepEqual(
    images[2]!.regional?.map(({ character, ids }) => [character, ids.ids[0]!.indexOf(101)]),
    [
      [0, 15],
      [1, 11],
    ],
  )
  // on the left of two , | a gray fox in a red scarf | jump; then the same for the bear, an encoder's length further.
  assert.deepEqual(images[2]!.characterTokens, [
    [7, 8, 9, 10, 11, 12, 13, 14],
    [31, 32, 33, 34],
  ])
  const free = plan({ consistency: { layout: 'free' } }).images[2]!
  assert.equal(free.regional, null)
  assert.deepEqual(free.characterTokens[1], [9, 10, 11])
})

test('sharing turned off, or done in another way, attends otherwise', () => {
  const off = plan({ consistency: { synchronizer: 0 } }, { mode: 'full' })
  assert.deepEqual([off.mode, off.attendsTo], ['none', [[], [], [], [], []]])
  const full = plan({}, { mode: 'full' })
  assert.deepEqual([full.mode, full.attendsTo[3]], ['full', [0, 1, 2, 4]])
})

test('a negative prompt is the same for all images, and null without one', () => {
  assert.equal(plan({}).negatives, null)
  const { negatives, images } = plan({ negative_prompt: 'rain' })
  assert.deepEqual([negatives?.length, negatives?.[0]?.ids[0]?.slice(0, 3)], [images.length, [100, 4, 101]])
})

test('pictures handed over are anchors that are given, after the frames; their characters need no other', () => {
  const picture = 'data:image/png;base64,AAAA'
  const { images, attendsTo, anchors } = plan({ anchors: [{ character: 'fern', picture }] })
  assert.deepEqual(
    anchors.map(({ source, isGiven, header }) => [source, isGiven, header.sampled, header.shows]),
    [[{ type: 'picture', picture, pointer: '/anchors/0/picture', character: 0 }, true, false, ['fern']]],
  )
  assert.deepEqual(images[0]!.anchorFor, [false, false])
  assert.deepEqual(attendsTo, [[5], [2], [1, 5], [], [5], []])
})

test('new frames attend to the anchors of a bank, which are sampled again where settings allow, and else given', () => {
  const first = plan({ characters: [fern], frames: [{ prompt: 'Fern waves' }] })
  const [image] = first.images
  const shown = { generation: 0, sampled: true, shows: ['fern'], prompt: withIds(image!.prompt, [fern]) }
  const header = { settings: first.settings, anchors: [{ seed: image!.seed, ...shown }] }
  const later = { characters: [], frames: [{ prompt: 'Fern sits' }, { prompt: 'Fern waves', seed: image!.seed }] }
  const again = plan(later, { bank: bankOf(header) })
  assert.deepEqual(
    again.story.characters.map(({ id }) => id),
    ['fern'],
  )
  // The second frame is the anchor itself.
  assert.deepEqual([again.imageOf, again.attendsTo, again.canRepeat], [[0, 2], [[2], [2], []], true])
  assert.deepEqual(
    again.images.map(({ isGiven, generation }) => [isGiven, generation]),
    [
      [false, 1],
      [false, 1],
      [false, 0],
    ],
  )
  const other = plan({ ...later, steps: 9 }, { bank: bankOf(header) })
  assert.deepEqual([other.canRepeat, other.images[2]!.isGiven], [false, true])
})

test('a bank of another model, size or cast is refused with what is wrong', () => {
  const of =
    (header: Partial<Bank['header']>, story: Partial<StoryInput> = {}) =>
    () =>
      plan({ characters: [], frames: [{ prompt: 'Fern' }], ...story }, { bank: bankOf(header) })
  const { settings, model: made } = bankOf({}).header
  assert.throws(of({ model: { ...made, autoencoder: 'b'.repeat(64) } }), rejected(/has other latents$/))
  assert.throws(of({ settings: { ...settings, width: 72 } }, { width: 64 }), rejected(/its frames are 72×64/))
  assert.throws(of({}, { characters: [{ ...bo, id: 'other', name: 'fern' }] }), rejected(/another character is called/))
})

test('what the model cannot do refuses the story, and what it leaves undone is warned of', () => {
  assert.throws(() => plan({ width: 256 }), rejected('256×64 is too large; tiny draws up to 128×128'))
  const unable: ModelFacts = { ...model, abilities: { ...abilities, references: false } }
  const reference = 'data:image/png;base64,AAAA'
  const long = 'Fern waves in the old garden of a very small house behind the big hill near the sea'
  assert.deepEqual(
    plan(
      { characters: [{ ...fern, references: [reference] }], frames: [{ prompt: long }, { prompt: 'a tree' }] },
      {
        model: unable,
      },
    ).warnings,
    [
      "/frames/1/prompt: names nobody of the cast; call them by name, or list them in the frame's characters",
      '/characters/0/references: tiny cannot read reference pictures; they have no effect',
      '/frames/0/prompt: tiny reads 22 tokens of a prompt, style and descriptions included; cut is "the sea"',
    ],
  )
})

/** A bank of Fern alone that fits the model. */
function bankOf(header: Partial<Bank['header']>): Bank {
  const bank = readBank(smallBank([fern], 'tiny'))
  const { height, width } = { height: 8, width: 8 }
  const own = {
    ...bank.header,
    model: { name: 'tiny', ...model.fingerprints() },
    settings: { ...bank.header.settings, width: 64, height: 64 },
    ...header,
  }
  const latents = bank.latents.map(() => new Float32Array(4 * height * width))
  return { ...bank, header: own, latents, latentShape: [4, height, width] }
}
