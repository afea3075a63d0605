import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type StoryInput, StoryRequest } from '../story.ts'
import { framePrompts } from './frame-prompt.ts'

const cast = [
  { id: 'mira', name: 'Mira', description: 'A gray fox wearing a red shirt' },
  { id: 'bo', name: 'Bo', description: 'a brown bear' },
]

function written(story: Partial<StoryInput> & Pick<StoryInput, 'frames'>): string {
  const segments = framePrompts(StoryRequest.parse({ characters: cast, ...story }))[0]!
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
