import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StoryInput, StoryRequest } from '../story.ts'
import { promptWarnings } from './warnings.ts'

const fern = { id: 'fern', name: 'Fern', description: 'a gray fox' }
const bo = { id: 'bo', name: 'Bo', description: 'a brown bear' }
const story = (more: Partial<StoryInput> & Pick<StoryInput, 'frames'>) =>
  StoryRequest.parse({ characters: [fern, bo], ...more })
const model = (prompt_tokens: number, vocabulary: string[] | null = null, layout: 'columns' | 'free' = 'free') => ({
  name: 'tiny',
  abilities: { prompt_tokens, vocabulary, layout, stand_ins: { puppy: 'fox', park: 'forest' } },
})

test('what is beyond the encoder is named, with style and descriptions counted', () => {
  const long = story({
    style: 'soft',
    frames: [{ prompt: 'Fern waves' }, { prompt: 'Fern waves at the sea, by night' }],
  })
  // soft , a gray fox waves | at the sea , by night
  assert.deepEqual(promptWarnings(long, model(12)), [])
  assert.deepEqual(promptWarnings(long, model(9)), [
    '/frames/1/prompt: tiny reads 9 tokens of a prompt, style and descriptions included; cut is ", by night"',
  ])
  assert.deepEqual(promptWarnings(story({ negative_prompt: 'dark and old', frames: [{ prompt: 'a' }] }), model(2)), [
    '/negative_prompt: tiny reads 2 tokens of a prompt; cut is "old"',
  ])
})

test('words of several tokens count as so many, where somebody can count them', () => {
  const waving = story({ frames: [{ prompt: 'Fern waves' }] })
  assert.deepEqual(promptWarnings(waving, model(4)), [])
  assert.deepEqual(
    promptWarnings(waving, model(4), (word) => (word === 'waves' ? 2 : 1)),
    ['/frames/0/prompt: tiny reads 4 tokens of a prompt, style and descriptions included; cut is "waves"'],
  )
})

test('regional prompts are each measured by themselves', () => {
  const both = story({ frames: [{ prompt: 'Fern waves a big red flag and Bo reads a very old book' }] })
  assert.match(promptWarnings(both, model(14))[0]!, /cut is "very old book"$/)
  // on the left of two , a gray fox waves a big red flag
  assert.deepEqual(promptWarnings(both, model(14, null, 'columns')), [])
  assert.match(promptWarnings(both, model(13, null, 'columns'))[0]!, /cut is "flag", "book"$/)
  assert.equal(promptWarnings({ ...both, consistency: { layout: 'free' } }, model(14, null, 'columns')).length, 1)
})

test('words that the model was not trained on are named, but for names of the cast', () => {
  const vocabulary = 'a gray brown fox bear waves at the sea t-shirt shirt red'.split(' ')
  const odd = story({
    style: 'Gothic',
    characters: [fern, { ...bo, description: 'a brown bear in a T-shirt and a red-shirt' }],
    frames: [{ prompt: "Fern waves at Bo's pizza. Pizza, PIZZA!" }, { prompt: 'Fern waves' }],
    negative_prompt: 'sea',
  })
  assert.deepEqual(promptWarnings(odd, model(75, vocabulary)), [
    '/style: tiny does not know "Gothic"',
    '/characters/1/description: tiny does not know "in", "and"',
    '/frames/0/prompt: tiny does not know "pizza"',
  ])
  assert.deepEqual(promptWarnings(odd, model(75, null)), [])
})

test('what a model draws in place of something else is said', () => {
  const odd = story({
    characters: [{ ...fern, description: 'a puppy' }],
    frames: [{ prompt: "In the park, Fern and the puppy's friend wave" }],
  })
  const vocabulary = 'a fox in the and friend wave forest'.split(' ')
  assert.deepEqual(promptWarnings(odd, model(75, vocabulary)), [
    '/characters/0/description: tiny cannot draw "puppy" (it draws "fox")',
    `/frames/0/prompt: tiny cannot draw "park" (it draws "forest"), "puppy's" (it draws "fox")`,
  ])
})

test('capitals in a prompt may be names of a bank, and of many words only some are named', () => {
  const url = 'https://pictures.test/bank'
  const later = story({ characters: [], bank: url, frames: [{ prompt: 'Kit jumps' }] })
  assert.deepEqual(promptWarnings(later, model(75, [])), ['/frames/0/prompt: tiny does not know "jumps"'])
  const words = 'one two three four five six seven eight nine ten eleven twelve'
  assert.match(
    promptWarnings(story({ characters: [], frames: [{ prompt: words }] }), model(75, []))[0]!,
    /"ten" and 2 more words$/,
  )
})
