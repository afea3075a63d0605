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
  const { ids, tokens } = tokenisePrompt(segments, tokenizer, 3)
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
      cast: 0,
      byColumn: false,
      tokenizers: [tokenizer],
    })
    assert.equal(ids[0]!.at(-1), tokenizer.eos, 'it is too long')
    const [warning] = promptWarnings(story, { name: 'clip', abilities }, (word) => tokenizer.encode(word).length)
    const [, end] = /cut is "(.*)"$/s.exec(warning!)!
    const at = story.frames[0]!.prompt.lastIndexOf(end!.replace(/…$/, ''))
    const kept = tokenizer.encode(story.frames[0]!.prompt.slice(0, at))
    assert.deepEqual(ids[0]!.slice(1, 1 + kept.length), kept)
    const next = story.frames[0]!.prompt.slice(at).split(/\s/)[0]!
    assert.ok(kept.length + tokenizer.encode(next).length > abilities.prompt_tokens)
  }
})
