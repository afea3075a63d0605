import assert from 'node:assert/strict'
import { test } from 'node:test'
import { castOfFrames, castWarnings, mentionsIn, sameNames } from './frame-cast.ts'

const [ash, bea] = [
  { id: 'a', name: 'Ash' },
  { id: 'b', name: 'Bea' },
]
const story = (prompts: (string | { prompt: string; characters: string[] })[], characters = [ash, bea]) => ({
  characters,
  frames: prompts.map((prompt) => (typeof prompt === 'string' ? { prompt } : prompt)),
})
/** Ids of who is in each frame. */
const casts = (...prompts: Parameters<typeof story>[0]) =>
  castOfFrames(story(prompts)).map(({ characters }) => characters.map((c) => 'ab'[c]).join(''))

test('a frame shows those whom its prompt names, in that order, or else those whom it lists', () => {
  assert.deepEqual(casts('Bea gives Ash a book', 'Ash waves', 'a lighthouse'), ['ba', 'a', ''])
  assert.deepEqual(casts({ prompt: 'Bea and Ash wave', characters: ['a'] }), ['a'])
  assert.deepEqual(casts({ prompt: 'Bea waves', characters: ['a', 'b'] }, { prompt: 'Ash waves', characters: [] }), [
    'ba',
    '',
  ])
})

test('a prompt that begins with a pronoun is about those of the frame before', () => {
  assert.deepEqual(casts('Ash and Bea wave', 'They run in the snow', 'both foxes sit'), ['ab', 'ab', 'ab'])
  assert.deepEqual(casts('Bea waves', 'Then she jumps', 'Later, she runs', 'a house', 'It sleeps'), [
    'b',
    'b',
    'b',
    '',
    'b',
  ])
  assert.deepEqual(casts('Bea gives Ash a book', 'She smiles'), ['ba', 'b'])
  assert.deepEqual(casts({ prompt: 'They run', characters: ['a', 'b'] }), ['ab'])
})

test('a pronoun that stands for nobody in particular is nobody', () => {
  assert.deepEqual(casts('She waves'), [''], 'of two, before anybody was in a frame')
  assert.deepEqual(casts('They wave'), ['ab'], 'the whole cast')
  assert.deepEqual(casts('Ash waves', 'They run'), ['a', ''], 'two cannot be one')
  assert.deepEqual(casts('Ash waves', 'It rains', "It's dark", 'Itchy trees', 'Theyre here'), ['a', '', '', '', ''])
})

test('a pronoun gives way to those it stands for', () => {
  const [, cast] = castOfFrames(story(['Ash and Bea wave', 'Then they run']))
  assert.deepEqual(cast?.stretches, [
    { text: 'Then ' },
    { text: 'they', character: 0 },
    { text: 'and' },
    { text: 'they', character: 1 },
    { text: ' run' },
  ])
})

test('mentions say what was found where, with the words of the prompt', () => {
  assert.deepEqual(mentionsIn(story(['Ash waves', 'He runs', { prompt: 'a house', characters: ['b'] }])), [
    { frame: 0, character: 'a', words: 'Ash' },
    { frame: 1, character: 'a', words: 'He' },
    { frame: 2, character: 'b', words: null },
  ])
})

test('frames that name nobody, pronouns and characters in no frame are warned of', () => {
  assert.deepEqual(castWarnings(story(['Bea waves', 'She jumps', 'the sun rises'])), [
    '/characters/0: Ash is in no frame; a prompt must name Ash, or a frame list a in its characters',
    `/frames/1/prompt: "She" is read as Bea; the frame's characters can say who is meant`,
    "/frames/2/prompt: names nobody of the cast; call them by name, or list them in the frame's characters",
  ])
  assert.deepEqual(castWarnings(story(['Ash and Bea wave', { prompt: 'a house', characters: [] }])), [])
  assert.deepEqual(castWarnings(story(['a house'], [])), [])
})

test('two names in the same letters are the same, however they are composed', () => {
  assert.deepEqual(sameNames(['José', 'Ann', 'José'.normalize('NFD'), 'ann']), [2, 3])
})
