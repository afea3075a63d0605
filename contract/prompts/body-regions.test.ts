import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describedParts } from './body-regions.ts'

const parts = (description: string) =>
  describedParts(description).map(
    ({ text, region }) => `${['face', 'upper', 'lower'][region ?? 3] ?? 'whole'}: ${text}`,
  )

test('noun phrases go to the part of the body they are about', () => {
  assert.deepEqual(parts('an orange fox wearing a blue shirt, green shorts and a red scarf'), [
    'face: an orange fox',
    'upper: wearing a blue shirt,',
    'lower: green shorts',
    'upper: and a red scarf',
  ])
  assert.deepEqual(parts('A girl with long brown hair in a yellow T-shirt with stripes'), [
    'face: A girl',
    'face: with long brown hair',
    'upper: in a yellow T-shirt',
    'whole: with stripes',
  ])
})

test('stretches meet at spaces: together they are the description', () => {
  for (const text of ['a robot', 'an old sailor , in boots , who whistles', 'boots'])
    assert.equal(
      describedParts(text)
        .map(({ text: part }) => part)
        .join(' '),
      text,
    )
  assert.deepEqual(describedParts(''), [])
})
