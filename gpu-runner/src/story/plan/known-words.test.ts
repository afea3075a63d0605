import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { framePrompts } from '../../../../contract/prompts/frame-prompt.ts'
import type { PromptSegment } from '../../../../contract/prompts/segment.ts'
import { StoryRequest } from '../../../../contract/story.ts'
import { VocabularyFile, vocabularyOf } from '../../engine/pipeline/vocabulary.ts'
import { captionFrame, describeIdentity } from '../../lab/storydb/caption.ts'
import { randomFrames } from '../../lab/storydb/frames.ts'
import { inKnownWords } from './known-words.ts'

const file = new URL('../../../models/story-mini/vocabulary.json', import.meta.url)
const vocabulary = vocabularyOf(VocabularyFile.parse(JSON.parse(readFileSync(file, 'utf8'))))
const captions = vocabulary.captions!

const read = (prompt: readonly PromptSegment[]) =>
  inKnownWords(prompt, captions)
    .map(({ text }) => text)
    .join(' ')
const plainly = (description: string, prompt: string) =>
  read(
    framePrompts(
      StoryRequest.parse({ characters: [{ id: 'rex', name: 'Rex', description }], frames: [{ prompt }] }),
    )[0]!,
  )

const fern = 'an orange fox wearing a blue shirt, white pants and a red scarf'
const fox = 'an orange fox wearing a blue shirt , white pants and a red scarf'

for (const [prompt, expected] of [
  ['Rex waves in the forest', 'waves in the forest'],
  ['Rex happily waves hello to everyone in the big dark forest', 'happily waves hello in the dark forest'],
  ['Rex reads a thick old book in the busy city', 'reads a book in the city'],
  ['Later, Rex runs along the beach', 'runs along the beach'],
  ['Rex jumped for joy in the deep snow', 'jumps in the deep snow'],
  ['Rex kicks a ball in the park', 'runs in the forest'],
  ['Rex sleeps on the couch in the living room', 'sits in the bedroom'],
  ['Rex holds an umbrella in the kitchen', 'in the bedroom'],
  ['Rex chases a squirrel in our backyard at sunset', 'in the forest during the day'],
  ['Rex and xylophones wave at the beach', 'waves at the beach'],
  ['Rex sits in the qwertyville', 'sits'],
  ['Rex', ''],
] as const)
  test(`"${prompt}" is read as "${expected}"`, () => {
    assert.equal(plainly(fern, prompt), `${fox} ${expected}`.trim())
    // Words that nobody knows change nothing.
    assert.equal(plainly(fern.replace('fox', 'zesty fox'), `Quixotically, ${prompt}`), `${fox} ${expected}`.trim())
  })

for (const [description, expected] of [
  ['my dog Rex, a golden retriever puppy', 'a yellow fox'],
  ['a cute orange fox with a fluffy tail wearing a blue shirt', 'an orange fox wearing a blue shirt'],
  ['a small green dragon with purple wings', 'a small green frog'],
  ['a gray cat wearing a helmet and a red scarf', 'a gray cat wearing a red scarf'],
  ['a brown bear in a bright red jumper', 'a brown bear in a red jumper'],
  ['an old wizard', 'girl'],
] as const)
  test(`a description, "${description}", is read as "${expected}"`, () =>
    assert.equal(plainly(description, 'Rex waves'), `${expected} waves`))

test('captions that the model was trained on are read as they are', () => {
  for (let i = 0; i < 300; i++) {
    const [frame] = randomFrames(5, i, 1, { level: i % 2 ? 1 : 4, split: 'train' })
    for (const { segments } of [
      captionFrame(frame!, { variant: i }),
      describeIdentity(frame!.actors[0]!.identity, i),
    ]) {
      const caption = segments.map(({ text, character }) => ({ text, character }))
      assert.equal(read(caption), caption.map(({ text }) => text).join(' '))
    }
  }
})

test('each character keeps a word, and what is said stays with the segment that said it', () => {
  const prompt = [
    { text: 'a wizard', character: 0, region: 0 },
    { text: 'in a cloak', character: 0, region: 1 },
    { text: 'and' },
    { text: 'a puppy', character: 1, region: 0 },
    { text: 'wave on the moor' },
  ]
  assert.deepEqual(inKnownWords(prompt, captions), [
    { text: 'girl', character: 0, region: 0 },
    { text: 'a fox', character: 1, region: 0 },
    { text: 'waves' },
  ])
})
