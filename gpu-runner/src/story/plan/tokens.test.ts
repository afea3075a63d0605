import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { promptWarnings } from '../../../../contract/prompts/warnings.ts'
import { StoryRequest } from '../../../../contract/story.ts'
import { openTokenizer, type Tokenizer } from '../../engine/io/tokenizer.ts'
import { imageTokens, tokenisePrompt } from './tokens.ts'

test('token positions point at the character, and never past what the encoder takes', () => {
  const encode = (text: string) => text.split(' ').map((word) => word.length)
  const tokenizer: Tokenizer = {
    encode,
    padded: (ids: readonly number[], n: number) => [
      100,
      ...ids.slice(0, n - 2),
      101,
      ...Array<number>(Math.max(0, n - 2 - ids.length)).fill(102),
    ],
    size: 200,
    modelMaxLength: 8,
    bos: 100,
    eos: 101,
    pad: 102,
    withWords: () => tokenizer,
  }
  const segments = [
    { text: 'see' },
    { text: 'a gray fox', character: 0 },
    { text: 'and' },
    { text: 'one two three', character: 1 },
  ]
  const { ids, tokens } = tokenisePrompt(segments, tokenizer, 3, { syntax: 'plain', room: 6 })
  assert.equal(ids.length, 8)
  assert.deepEqual(tokens, [[2, 3, 4], [6], []])
})

test('what promptWarnings calls cut begins with the first word that the tokenizer leaves no room for', () => {
  const tokenizer = openTokenizer(join(import.meta.dirname, '../../../../test/golden/clip-tokenizer-small'))
  const abilities = { layout: 'free', prompt_tokens: tokenizer.modelMaxLength - 2, vocabulary: null } as const
  const numbered = (word: string) => Array.from({ length: 30 }, (_, i) => `${word} ${i},`).join(' ')
  for (const prompt of [numbered("a café, Fern's red-and-blue"), numbered('çá 日本! unbelievable')]) {
    const story = StoryRequest.parse({ frames: [{ prompt }] })
    const { ids } = imageTokens([{ text: story.frames[0]!.prompt }], {
      reading: { syntax: 'plain', room: abilities.prompt_tokens },
      cast: 0,
      byColumn: false,
      tokenizers: [tokenizer],
    })
    assert.equal(ids.ids[0]!.at(-1), tokenizer.eos, 'it is too long')
    const [warning] = promptWarnings(story, { name: 'clip', abilities }, (word) => tokenizer.encode(word).length)
    const [, end] = /cut is "(.*)"$/s.exec(warning!)!
    const at = story.frames[0]!.prompt.lastIndexOf(end!.replace(/…$/, ''))
    const kept = tokenizer.encode(story.frames[0]!.prompt.slice(0, at))
    assert.deepEqual(ids.ids[0]!.slice(1, 1 + kept.length), kept)
    const next = story.frames[0]!.prompt.slice(at).split(/\s/)[0]!
    assert.ok(kept.length + tokenizer.encode(next).length > abilities.prompt_tokens)
  }
})

/** Letters are tokens of their own; a comma is 44. */
const letters: Tokenizer = {
  encode: (text) => [...text.replaceAll(' ', '')].map((letter) => letter.charCodeAt(0)),
  padded: (ids, n) => [1, ...ids, 2, ...Array<number>(n - 2 - ids.length).fill(0)],
  ...{ size: 200, modelMaxLength: 30, bos: 1, eos: 2, pad: 0 },
  withWords: () => letters,
}
const read = (text: string, syntax: 'plain' | 'weighted', room = 84) =>
  tokenisePrompt([{ text }, { text: 'z', character: 0 }], letters, 1, { syntax, room })

test('a long prompt goes on in further chunks, each begun behind a comma that is near, and words keep their positions', () => {
  const { ids, tokens, weights } = read(`${'a'.repeat(20)},${'b'.repeat(20)}`, 'plain')
  assert.equal(ids.length, 60)
  const text = (chunk: number) => String.fromCharCode(...ids.slice(30 * chunk, 30 * chunk + 30).filter((id) => id > 2))
  assert.deepEqual([text(0), text(1)], [`${'a'.repeat(20)},`, `${'b'.repeat(20)}z`])
  assert.deepEqual([ids[0], ids[22], ids[30], ids[52]], [1, 2, 1, 2])
  assert.deepEqual([tokens, ids[51], weights], [[[51]], 'z'.charCodeAt(0), undefined])
  // A comma too far from the end of the chunk changes nothing, and what does not fit into the room is cut.
  const far = read(`a,${'b'.repeat(90)}`, 'plain')
  assert.equal(far.ids.length, 90)
  assert.deepEqual([far.ids.slice(1, 29).filter((id) => id === 98).length, far.tokens], [26, [[]]])
  assert.equal(read('c'.repeat(90), 'plain', 28).ids.length, 30)
})

test('weights go with the tokens of their words, and BREAK begins a chunk', () => {
  const { ids, weights, tokens } = read('a(b:1.5)BREAKc', 'weighted')
  assert.equal(ids.length, 30, 'BREAK is a word by itself')
  assert.deepEqual(weights?.slice(0, 4), [1, 1, 1.5, 1])
  assert.deepEqual(tokens, [[9]])
  const broken = read('a BREAK (c)', 'weighted')
  assert.deepEqual([broken.ids.length, broken.tokens], [60, [[32]]])
  assert.deepEqual(broken.weights?.slice(30, 33), [1, 1.1, 1])
})
