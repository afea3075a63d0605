import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createCanvas } from '@napi-rs/canvas'
import { type Picture, readImage } from '../../engine/io/png.ts'
import { pageFonts, wrap } from './fonts.ts'
import { contactSheet } from './sheet.ts'

const plain = (value: number, width: number, height: number): Picture => ({
  rgb: new Uint8Array(width * height * 3).fill(value),
  width,
  height,
})

const at = ({ rgb, width }: Picture, x: number, y: number): number => rgb[(y * width + x) * 3]!

test('cells stand row by row, as large as the largest', async () => {
  const sheet = await readImage(await contactSheet([plain(10, 20, 10), plain(20, 10, 30), plain(30, 20, 30)], 2))
  assert.deepEqual([sheet.width, sheet.height], [8 + 2 * 28, 8 + 2 * 38])
  assert.deepEqual([at(sheet, 8, 8), at(sheet, 36, 8), at(sheet, 8, 46), at(sheet, 8, 30)], [10, 20, 30, 255])
})

test('captions make room for themselves', async () => {
  const sheet = await readImage(
    await contactSheet([{ ...plain(10, 100, 20), caption: 'a fox reads' }, plain(10, 100, 20)], 2),
  )
  assert.ok(sheet.height > 8 + 28)
  const below = (from: number) =>
    sheet.rgb.slice(30 * sheet.width * 3).filter((_, i) => {
      const x = Math.floor(i / 3) % sheet.width
      return x >= from && x < from + 100
    })
  assert.ok(Math.min(...below(8)) < 128, 'the first cell has text')
  assert.equal(Math.min(...below(116)), 255, 'the second has none')
})

test('a sheet of nothing, or in no columns, is refused', async () => {
  await assert.rejects(contactSheet([], 2), /0 cells in 2 columns/)
  await assert.rejects(contactSheet([plain(1, 2, 2)], 0), /1 cells in 0 columns/)
  await assert.rejects(contactSheet([{ ...plain(1, 2, 2), width: 3 }], 1), /12 bytes are no picture of 3 × 2/)
})

test('text is wrapped between words, cut within long ones, and ends in an ellipsis', () => {
  const pen = createCanvas(1, 1).getContext('2d')
  pen.font = pageFonts([]).text(20)
  const width = (text: string) => pen.measureText(text).width
  assert.deepEqual(wrap(pen, '  one   two\nthree ', 1000, 3), ['one two three'])
  assert.deepEqual(wrap(pen, 'one two three', width('one two') + 1, 3), ['one two', 'three'])
  assert.deepEqual(wrap(pen, '', 100, 3), [])

  const long = wrap(pen, 'mmmmmmmmmm', width('mmmm') + 1, 5)
  assert.deepEqual(long, ['mmmm', 'mmmm', 'mm'])
  const cut = wrap(pen, 'one two three four five six', width('one two') + 1, 2)
  assert.equal(cut.length, 2)
  assert.match(cut[1]!, /…$/)
  for (const text of [...cut, ...wrap(pen, '👨‍👩‍👧'.repeat(50), 100, 2)]) assert.ok(width(text) <= 101, text)
})

test('the fonts of the package are there, and differ', () => {
  const pen = createCanvas(1, 1).getContext('2d')
  const widths = [pageFonts([]).text(20), pageFonts([]).text(20, 800), pageFonts([]).title(20)].map((font) => {
    pen.font = font
    return pen.measureText('Žlutý мир, a fox').width
  })
  assert.equal(new Set(widths).size, 3)
})
