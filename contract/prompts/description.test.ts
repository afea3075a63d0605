import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nounPhrase, shortForm } from './description.ts'

const cases: readonly (readonly [description: string, phrase: string, short: string])[] = [
  ['A gray fox wearing a red shirt', 'a gray fox wearing a red shirt', 'the gray fox'],
  ['an orange fox in a blue shirt, white pants', 'an orange fox in a blue shirt, white pants', 'the orange fox'],
  ['He is a big dog. He wears a hat.', 'a big dog wearing a hat', 'the big dog'],
  ['my dog Rex, a golden retriever', 'a dog, a golden retriever', 'the dog'],
  [
    'Rex is a brown bear. He has a long tail. His nose is black.',
    'a brown bear with a long tail with black nose',
    'the brown bear',
  ],
  ["She's an old owl. She likes tea!", 'an old owl, who likes tea', 'the old owl'],
  ['our elephant named Rex', 'an elephant', 'the elephant'],
  ['Rex, a small cat', 'a small cat', 'the small cat'],
  ['a white cat called Rex wearing a bow', 'a white cat wearing a bow', 'the white cat'],
  ['a T-Rex', 'a T-Rex', 'the T-Rex'],
  ['a cat. It is wearing glasses.', 'a cat wearing glasses', 'the cat'],
]

for (const [description, phrase, short] of cases)
  test(`"${description}" is ${short}`, () => {
    assert.equal(nounPhrase(description, 'Rex'), phrase)
    assert.equal(shortForm(phrase), short)
  })
