import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StoryInput, StoryRequest } from '../../../../contract/story.ts'
import { framePrompt } from './prompts.ts'
import { tokenisePrompt } from './tokens.ts'

const cast = [
  { id: 'mira', name: 'Mira', description: 'A gray fox wearing a red shirt' },
  { id: 'bo', name: 'Bo', description: 'a brown bear' },
]

function written(story: Partial<StoryInput> & Pick<StoryInput, 'frames'>): string {
  const segments = framePrompt(StoryRequest.parse({ characters: cast, ...story }), 0)
  return segments
    .map(({ text, character }) => (character === undefined ? text : `[${character}:${text}]`))
    .join(' ')
    .replace(/\] \[\d:(?=wearing)/g, ' ')
}

test('the first mention becomes the description, later ones a short form', () => {
  const prompt = 'Mira waves, then MIRA sits beside Bo.'
  assert.equal(
    written({ frames: [{ prompt }] }),
    '[0:a gray fox wearing a red shirt] waves, then [0:the gray fox] sits beside [1:a brown bear] .',
  )
})

test('a name inside another word is no mention', () => {
  assert.equal(written({ frames: [{ prompt: 'a boat and a Miracle' }] }), 'a boat and a Miracle')
})

test('a listed character that the prompt does not name is described first; one not listed stays a mere word', () => {
  assert.equal(
    written({ frames: [{ prompt: 'Mira in the snow', characters: ['bo'] }] }),
    '[1:a brown bear] , Mira in the snow',
  )
})

test('the style goes before everything', () => {
  assert.equal(
    written({ style: 'soft colours', frames: [{ prompt: 'Bo sleeps' }] }),
    'soft colours , [1:a brown bear] sleeps',
  )
})

test('names with regular-expression characters are taken literally, the longest first', () => {
  const characters = [
    { id: 'a', name: 'R2', description: 'a robot' },
    { id: 'b', name: 'R2 (old)', description: 'a rusty robot' },
  ]
  assert.equal(
    written({ characters, frames: [{ prompt: 'R2 (old) meets R2' }] }),
    '[1:a rusty robot] meets [0:a robot]',
  )
})

test('token positions point at the character, and never past what the encoder takes', () => {
  const encode = (text: string) => text.split(' ').map((word) => word.length)
  const tokenizer = {
    encode,
    padded: (ids: readonly number[], n: number) => [
      100,
      ...ids.slice(0, n - 2),
      101,
      ...Array<number>(Math.max(0, n - 2 - ids.length)).fill(102),
    ],
    cut: (ids: readonly number[], n: number) => ids.slice(n - 2).join(' '),
    size: 200,
    modelMaxLength: 8,
    bos: 100,
    eos: 101,
    pad: 102,
  }
  const segments = [
    { text: 'see' },
    { text: 'a gray fox', character: 0 },
    { text: 'and' },
    { text: 'one two three', character: 1 },
  ]
  const { ids, tokens, cut } = tokenisePrompt(segments, tokenizer, 3)
  assert.equal(
    cut,
    segments
      .flatMap(({ text }) => tokenizer.encode(text))
      .slice(6)
      .join(' '),
  )
  assert.equal(ids.length, 8)
  assert.deepEqual(tokens, [[2, 3, 4], [6], []])
})
