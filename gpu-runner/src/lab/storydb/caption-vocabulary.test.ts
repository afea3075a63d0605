import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { captionFrame, captionStyle, captionText, describeIdentity } from './caption.ts'
import { captionVocabulary, wordsOf, writeCaptionVocabulary } from './caption-vocabulary.ts'
import { randomFrames } from './frames.ts'
import type { Level } from './levels.ts'

const names = ['pip', 'mo', 'zuzu']

test('every word of a caption is in the vocabulary of its level, but for names and outside words', () => {
  for (const levels of [[1, 4], [2, 3], [5], [6]] satisfies Level[][]) {
    const vocabulary = captionVocabulary(levels)
    for (const level of levels) {
      const style = captionStyle(level)
      for (let i = 0; i < 1200; i++) {
        const [frame] = randomFrames(3, i, 1, { level, split: 'train' })
        const caption = captionFrame(frame!, { variant: i, style, outside: false, names })
        const description = describeIdentity(frame!.actors[0]!.identity, i, { style, outside: false })
        for (const text of [caption, description].map(captionText))
          for (const word of wordsOf(text))
            assert.ok(Object.hasOwn(vocabulary, word) || names.includes(word), `level ${level}, '${word}': ${text}`)
      }
    }
  }
})

test('words stand for what they are synonyms of, and those of grammar for nothing', () => {
  const words = captionVocabulary([6])
  const expected = {
    puppy: 'species:dog',
    foxes: 'species:fox',
    mice: 'species:mouse',
    woods: 'place:forest',
    jumper: 'topType:sweater',
    trousers: 'bottomType:pants',
    grey: 'colour:gray',
    moonlight: 'time:night',
    waves: 'action:waving',
    furious: 'expression:angry',
    backyard: 'place:garden',
    rainy: 'weather:rain',
    teddy: 'prop:teddy bear',
    the: null,
    with: null,
    later: null,
  }
  assert.deepEqual(Object.fromEntries(Object.keys(expected).map((word) => [word, words[word]])), expected)
  for (const word of ['fluffy', 'xylophone', 'zebra']) assert.equal(words[word], undefined)
})

test('a verb is known in all its forms, and stands for the same in each; one that no caption has is not', () => {
  const words = captionVocabulary([1, 4])
  for (const [form, meaning] of Object.entries({
    ...{ wave: 'action:waving', waved: 'action:waving', run: 'action:running', ran: 'action:running' },
    ...{ sit: 'action:sitting', sat: 'action:sitting', smiles: 'expression:happy', cries: 'expression:sad' },
    ...{ look: null, wore: null, hold: null },
  }))
    assert.equal(words[form], meaning, form)
  for (const form of ['swim', 'swam', 'sneeze', 'dress', 'lights', 'rests']) assert.equal(words[form], undefined, form)
})

test('the vocabulary of the shipped model is the one that its levels have', async (t) => {
  const model = fileURLToPath(new URL('../../../models/story-mini/', import.meta.url))
  const { pool } = JSON.parse(await readFile(join(model, 'training', 'sets', 'recipe.json'), 'utf8'))
  const folder = await mkdtemp(join(tmpdir(), 'vocabulary-'))
  t.after(() => rm(folder, { recursive: true }))
  writeCaptionVocabulary(folder, pool.levels)
  const [shipped, expected] = await Promise.all(
    [model, folder].map((at) => readFile(join(at, 'vocabulary.json'), 'utf8')),
  )
  assert.equal(shipped, expected)
})

test('a vocabulary is in alphabetical order, and small levels have a small one', () => {
  const [small, wide] = [captionVocabulary([1, 4]), captionVocabulary([6])].map(Object.keys)
  assert.deepEqual(wide, wide!.toSorted())
  assert.ok(small!.length < 450 && wide!.length > 1000)
  assert.ok(!small!.includes('puppy') && !small!.includes('library'))
})
