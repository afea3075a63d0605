import assert from 'node:assert/strict'
import { test } from 'node:test'
import { PostedStory } from './character.ts'
import { castOfFrames } from './frame-cast.ts'
import { ImagesRequest, storyOfImages, subjectOf } from './openai.ts'
import { issuesOf } from './problem.ts'

test('whom a prompt begins with', () => {
  for (const [prompt, subject] of [
    ['an orange fox reads a book', 'an orange fox'],
    ['A small grey cat, sleeping', 'A small grey cat'],
    ['the old sailor in the snow', 'the old sailor'],
    ['a fox wearing a hat', 'a fox'],
    ['a brass robot', 'a brass robot'],
    ['orange foxes in the snow', undefined],
    ['a', undefined],
    ['snow falls', undefined],
    ['a very long and winding way of saying next to nothing at all', 'a very long'],
  ] as const)
    assert.equal(subjectOf(prompt), subject, prompt)
})

test('n pictures are frames with the same character; one picture needs none', () => {
  const story = PostedStory.parse(
    storyOfImages(ImagesRequest.parse({ prompt: 'an orange fox reads', n: 3, size: '128x64' })),
  )
  assert.deepEqual(story.characters, [{ id: 'subject', name: 'Subject', description: 'an orange fox' }])
  assert.deepEqual(
    story.frames.map(({ prompt }) => prompt),
    Array(3).fill('Subject reads'),
  )
  assert.deepEqual([story.width, story.height], [128, 64])
  const cast = castOfFrames({ ...story, characters: [{ id: 'subject', name: 'Subject' }] })
  assert.deepEqual(
    cast.map(({ characters }) => characters),
    [[0], [0], [0]],
  )
  const one = PostedStory.parse(
    storyOfImages(ImagesRequest.parse({ prompt: 'an orange fox reads', n: null, size: 'auto' })),
  )
  assert.deepEqual([one.characters, one.frames, one.width], [[], [{ prompt: 'an orange fox reads' }], null])
  const fern = { id: 'fox', name: 'Fern', description: 'an orange fox' }
  const own = PostedStory.parse(
    storyOfImages(ImagesRequest.parse({ prompt: 'waves', n: 2, characters: [fern], seed: 7 })),
  )
  assert.deepEqual([own.characters, own.frames[1], own.seed], [[fern], { prompt: 'waves', characters: ['fox'] }, 7])
})

test('what OpenAI sends and we have no use for is taken; what is wrong is pointed at', () => {
  const body = { prompt: 'x', quality: 'high', style: 'vivid', user: 'u', background: 'auto', moderation: 'low' }
  assert.ok(ImagesRequest.safeParse(body).success)
  for (const [wrong, pointer] of [
    [{}, '/prompt'],
    [{ prompt: 'x', n: 11 }, '/n'],
    [{ prompt: 'x', size: 'large' }, '/size'],
    [{ prompt: 'x', response_format: 'jpeg' }, '/response_format'],
    [{ prompt: 'x', output_format: 'webp' }, '/output_format'],
    [{ prompt: 'x', stream: true }, '/stream'],
    [{ prompt: 'x', frames: [] }, '/frames'],
  ] as const) {
    const parsed = ImagesRequest.safeParse(wrong)
    assert.deepEqual(parsed.success ? [] : issuesOf(parsed.error).map((issue) => issue.pointer), [pointer])
  }
})
