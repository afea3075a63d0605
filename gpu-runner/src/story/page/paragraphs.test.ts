import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCanvas } from '@napi-rs/canvas'
import { pageFonts } from './fonts.ts'
import { breakLines, measuredWords, type Word } from './paragraphs.ts'

/** Words as wide as they have letters. */
const words = (text: string): Word[] =>
  text.split(/(?<= )/).map((word) => ({ text: word, width: word.trim().length, space: word.endsWith(' ') ? 1 : 0 }))

test('a few lines are of even length, in as few as it takes', () => {
  assert.deepEqual(breakLines(words('aaa bbb ccc ddd e'), 12, true), ['aaa bbb', 'ccc ddd e'])
  assert.deepEqual(breakLines(words('aaa bbb ccc ddd e'), 20, true), ['aaa bbb ccc ddd e'])
  assert.deepEqual(breakLines([], 20, true), [])
})

test('running text fills its lines, and no short word stands alone in the last one', () => {
  assert.deepEqual(breakLines(words('aaaa bbbb cccc dddd e'), 19, false), ['aaaa bbbb cccc', 'dddd e'])
  assert.deepEqual(breakLines(words('aaaa bbbb cccc dddd eeeeee'), 19, false), ['aaaa bbbb cccc dddd', 'eeeeee'])
})

test('the first line is shorter by its indent', () => {
  assert.deepEqual(breakLines(words('aaa bbb ccc'), 7, false), ['aaa bbb', 'ccc'])
  assert.deepEqual(breakLines(words('aaa bbb ccc'), 7, false, 2), ['aaa', 'bbb ccc'])
})

test('a word that is longer than a line is cut, and a letter that is has a line to itself', () => {
  const pen = createCanvas(1, 1).getContext('2d')
  pen.font = pageFonts([]).text(20)
  const most = pen.measureText('mmmm').width + 1
  const measured = measuredWords(pen, 'mmmmmmmmmm a', most)
  assert.deepEqual(
    measured.map(({ text }) => text),
    ['mmmm', 'mmmm', 'mm ', 'a'],
  )
  for (const { width } of measured) assert.ok(width <= most)
  assert.deepEqual(breakLines(measured, most, false), ['mmmm', 'mmmm', 'mm a'])
  assert.deepEqual(breakLines([{ text: 'w', width: 50, space: 0 }], 10, true), ['w'])
})
