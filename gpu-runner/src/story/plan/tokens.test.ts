import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tokenisePrompt } from './tokens.ts'

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
  const { ids, tokens } = tokenisePrompt(segments, tokenizer, 3)
  assert.equal(ids.length, 8)
  assert.deepEqual(tokens, [[2, 3, 4], [6], []])
})
