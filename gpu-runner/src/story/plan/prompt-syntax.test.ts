import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type PromptSyntax, weightedTexts } from './prompt-syntax.ts'

const read = (texts: readonly string[], syntax: PromptSyntax = 'weighted') =>
  weightedTexts(
    texts.map((text) => ({ text })),
    syntax,
  ).map(({ text, weight, isBreak }) => (isBreak ? 'BREAK' : [text, Math.round(weight * 1e4) / 1e4]))

test('brackets weigh words as A1111’s parser says', () => {
  // The examples of its own docstring (modules/prompt_parser.py).
  const cases: readonly (readonly [string, readonly unknown[]])[] = [
    ['normal text', [['normal text', 1]]],
    [
      'an (important) word',
      [
        ['an ', 1],
        ['important', 1.1],
        [' word', 1],
      ],
    ],
    ['(unbalanced', [['unbalanced', 1.1]]],
    ['\\(literal\\]', [['(literal]', 1]]],
    ['(unnecessary)(parens)', [['unnecessaryparens', 1.1]]],
    [
      'a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).',
      [
        ['a ', 1],
        ['house', 1.573],
        [' ', 1.1],
        ['on', 1],
        [' a ', 1.1],
        ['hill', 0.55],
        [', sun, ', 1.1],
        ['sky', 1.4641],
        ['.', 1.1],
      ],
    ],
    [
      '[less] and ((more))',
      [
        ['less', 0.9091],
        [' and ', 1],
        ['more', 1.21],
      ],
    ],
    ['a fox BREAK a hill', [['a fox ', 1], 'BREAK', [' a hill', 1]]],
    ['BREAKFAST at 10:30)', [['BREAKFAST at 10:30)', 1]]],
    [
      'a (b:x) c',
      [
        ['a ', 1],
        ['b:x', 1.1],
        [' c', 1],
      ],
    ],
  ]
  for (const [text, wanted] of cases) assert.deepEqual(read([text]), wanted, text)
})

test('plain text is left as it is, brackets and all', () => {
  assert.deepEqual(read(['a (red:1.3) [fox] BREAK'], 'plain'), [['a (red:1.3) [fox] BREAK', 1]])
})

test('a bracket holds over segments, which stay apart', () => {
  assert.deepEqual(read(['see (', 'a gray fox', ':1.2) run']), [
    ['see ', 1],
    ['a gray fox', 1.2],
    [' run', 1],
  ])
})
