import assert from 'node:assert/strict'
import { test } from 'node:test'
import { impossibleFor, type Model, ModelAbilities, modelWarnings } from './model.ts'
import { type StoryInput, StoryRequest } from './story.ts'

const tiny: Model = {
  name: 'tiny',
  abilities: ModelAbilities.parse({
    size: { width: 128, height: 128 },
    largest_side: 256,
    side_multiple: 16,
    schedulers: ['ddim', 'euler'],
    clip_skip: 3,
    references: false,
    sharing: false,
    scores: false,
    layout: 'free',
    prompt_tokens: 75,
    vocabulary: null,
  }),
}
const able: Model = { name: 'able', abilities: { ...tiny.abilities, references: true, sharing: true, scores: true } }
const story = (more: Partial<StoryInput>) => StoryRequest.parse({ frames: [{ prompt: 'a fox' }], ...more })
const reference = 'data:image/png;base64,AAAA'
const fox = { id: 'fox', name: 'Fern', description: 'a fox' }

test('what the model cannot do is named with the field that asks for it and with what would do', () => {
  assert.deepEqual(impossibleFor(tiny, story({})), [])
  assert.deepEqual(impossibleFor(tiny, story({ width: 256, height: 64, scheduler: 'ddim', clip_skip: 3 })), [])
  assert.deepEqual(impossibleFor(tiny, story({ width: 512, height: 72, scheduler: 'lcm', clip_skip: 4 })), [
    { pointer: '/width', message: '512×72 is too large; tiny draws up to 256×256' },
    { pointer: '/height', message: '512×72: tiny draws sides that are multiples of 16' },
    { pointer: '/scheduler', message: "scheduler 'lcm' does not fit this model; ddim, euler do" },
    { pointer: '/clip_skip', message: 'clip_skip 4: the text encoder of tiny has 3 layers to skip' },
  ])
})

test('one side that is given makes too many pixels with the one that the model decides', () => {
  const size = { width: 1024, height: 1024 }
  const large: Model = { name: 'large', abilities: { ...tiny.abilities, size, largest_side: 2048 } }
  assert.deepEqual(impossibleFor(large, story({ width: 1536, height: 640 })), [])
  assert.deepEqual(impossibleFor(large, story({ width: 1536 })), [
    { pointer: '/width', message: '1536×1024 are 1572864 pixels; a frame has at most 1048576' },
  ])
})

test('what the model leaves undone is warned of, unless it was turned off', () => {
  const asks = story({
    characters: [fox, { ...fox, id: 'owl', name: 'Ola', references: [reference] }],
    consistency: { synchronizer: 0.5, min_score: 0.6 },
  })
  assert.deepEqual(modelWarnings(tiny, asks), [
    '/characters/1/references: tiny cannot read reference pictures; they have no effect',
    '/consistency/synchronizer: frames cannot attend to each other in tiny; it has no effect',
    '/consistency/min_score: tiny cannot tell characters apart; it has no effect',
  ])
  assert.deepEqual(modelWarnings(able, asks), [])
  const off = story({
    characters: [{ ...fox, references: [reference] }],
    consistency: { injector: 0, synchronizer: 0 },
  })
  assert.deepEqual(modelWarnings(tiny, off), [])
})
