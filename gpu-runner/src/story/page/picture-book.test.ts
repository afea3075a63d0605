import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { bookOf } from '../../../../books/book.ts'
import { StoryRequest } from '../../../../contract/story.ts'
import type { Picture } from '../../engine/io/png.ts'
import { setTexts } from './book-text.ts'
import { pageFonts } from './fonts.ts'
import { pictureBook } from './picture-book.ts'

const plain = (rgb: [number, number, number], width = 32, height = 32): Picture => ({
  rgb: Uint8Array.from({ length: width * height * 3 }, (_, i) => rgb[i % 3]!),
  width,
  height,
})
const red = plain([200, 0, 0])
const blue = plain([0, 0, 200], 48, 32)
const story = (value: object) => bookOf(StoryRequest.parse(value))
const fern = story({
  title: 'The Kite',
  frames: [{ prompt: 'a fox', text: 'Fern found a kite.\nIt was yellow.' }, { prompt: 'an owl' }],
})

const poppler = spawnSync('pdftotext', ['-v']).error ? 'poppler-utils is not installed' : false

/** What a command of Poppler makes of a file; `out` is where it may put pictures. */
function inspect(pdf: Uint8Array, command: string, ...args: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'book-'))
  try {
    const path = join(folder, 'book.pdf')
    writeFileSync(path, pdf)
    const { stdout, stderr, status } = spawnSync(
      command,
      args.map((arg) => (arg === 'FILE' ? path : arg)),
      { maxBuffer: 16e6 },
    )
    assert.equal(status, 0, String(stderr))
    assert.equal(String(stderr), '')
    return stdout.toString(command === 'pdftoppm' ? 'latin1' : 'utf8')
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** A page as a reader shows it, at one pixel a point. */
const shown = (pdf: Uint8Array, page: number) => {
  const ppm = inspect(pdf, 'pdftoppm', '-r', '72', '-f', String(page), '-singlefile', 'FILE')
  assert.match(ppm, /^P6\n612 612\n255\n/)
  const pixels = Buffer.from(ppm, 'latin1').subarray(ppm.length - 612 * 612 * 3)
  return (x: number, y: number) => [...pixels.subarray((y * 612 + x) * 3, (y * 612 + x) * 3 + 3)]
}
const isNear = (actual: number[], wanted: number[]) => actual.every((value, i) => Math.abs(value - wanted[i]!) < 12)

test('a cover, a spread for each frame and a back; its letters embedded and readable', { skip: poppler }, async () => {
  const pdf = await pictureBook(fern, [red, blue])
  const pages = inspect(pdf, 'pdftotext', '-layout', 'FILE', '-').split('\f')
  const said = pages.map((page) => page.split(/\s*\n\s*/).filter(Boolean))
  const first = ['Fern found a kite.', 'It was yellow.', '1']
  assert.deepEqual(said, [['The Kite'], first, [], ['an owl', '2'], [], [], []])
  const fonts = inspect(pdf, 'pdffonts', 'FILE').trim().split('\n').slice(2)
  assert.ok(fonts.length >= 2)
  for (const font of fonts) assert.match(font, /^[A-Z]{6}\+(Nunito|Fredoka).* yes yes yes /)
  const info = inspect(pdf, 'pdfinfo', 'FILE')
  assert.match(info, /^Title: +The Kite$/m)
  assert.match(info, /^Page size: +612 x 612 pts$/m)
})

test('a square picture fills its page, another stands on the paper', { skip: poppler }, async () => {
  const pdf = await pictureBook(fern, [red, blue])
  const full = shown(pdf, 3)
  for (const [x, y] of [
    [2, 2],
    [609, 609],
    [306, 306],
  ] as const)
    assert.ok(isNear(full(x, y), [200, 0, 0]))
  const framed = shown(pdf, 5)
  assert.ok(isNear(framed(306, 306), [0, 0, 200]))
  assert.ok(Math.min(...framed(306, 20)) > 200, 'paper above')
})

test('readers are told to show spreads, the language, and the side of the binding', async () => {
  const book = story({ frames: [{ prompt: 'x', text: 'פרן התעוררה מוקדם.' }] })
  const pdf = Buffer.from(await pictureBook(book, [red])).toString('latin1')
  assert.match(
    pdf,
    /\/Type \/Catalog[\s\S]*\/Type \/Catalog[\s\S]*\/Direction \/R2L[\s\S]*\/Lang \(he\) \/PageLayout \/TwoPageRight/,
  )
  const english = Buffer.from(await pictureBook(fern, [red, blue])).toString('latin1')
  assert.doesNotMatch(english, /\/Direction|\/Lang/)
})

test('pictures are compressed as asked', async () => {
  const noise = { ...red, rgb: red.rgb.map((_, i) => (i * 7919) % 256) }
  const sizes = await Promise.all(
    [90, 30].map(async (quality) => (await pictureBook(fern, [noise, blue], quality)).length),
  )
  assert.ok(sizes[0]! > 1.3 * sizes[1]!, String(sizes))
})

test('texts of every kind fit their page; only what no page could hold is cut', () => {
  const texts = [
    'Short.',
    'When the wind turned at last, she ran down the hill as fast as a fox can run. '.repeat(19),
    '國'.repeat(1500),
    'W'.repeat(1500),
    `${'a\n'.repeat(749)}b`,
    '👩‍👩‍👧‍👦 '.repeat(120),
    '\u200b',
    '﷽'.repeat(1500),
  ]
  const set = setTexts(pageFonts(texts), texts)
  for (const [i, { height, lines }] of set.entries()) {
    assert.ok(height <= 470, `${i}: ${height}`)
    const letters = (text: string) => text.replace(/\s/g, '')
    const whole = letters(lines.map(({ text }) => text).join(''))
    if (i < 7) assert.equal(whole, letters(texts[i]!), `text ${i}`)
    else assert.match(whole, /…$/)
  }
  assert.equal(set[0]!.isCentred, true)
  assert.equal(set[1]!.isCentred, false)
})

test('a book without pictures, or with too few, is refused', async () => {
  await assert.rejects(pictureBook(fern, []), /0 pictures for 2 pages/)
  await assert.rejects(pictureBook(fern, [red]), /1 pictures for 2 pages/)
  await assert.rejects(pictureBook(fern, [red, { ...blue, width: 3 }]), /are no picture of/)
})
