import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Picture, readImage } from '../../engine/io/png.ts'
import { type StoryboardFrame, storyboard } from './storyboard.ts'

/** A plain frame in one of the colours, so that it can be found on the page. */
const frame = (rgb: readonly [number, number, number], width: number, height: number): StoryboardFrame => ({
  rgb: Uint8Array.from({ length: width * height * 3 }, (_, i) => rgb[i % 3]!),
  width,
  height,
  caption: 'The fox reads a book.',
})

/** Left, top, right and bottom of the pixels of this colour. */
function box({ rgb, width }: Picture, colour: readonly number[]): number[] {
  let [left, top, right, bottom] = [Infinity, Infinity, -1, -1]
  for (let i = 0; i < rgb.length / 3; i++) {
    if (colour.some((value, c) => rgb[i * 3 + c] !== value)) continue
    const [x, y] = [i % width, Math.floor(i / width)]
    ;[left, top, right, bottom] = [Math.min(left, x), Math.min(top, y), Math.max(right, x), Math.max(bottom, y)]
  }
  return [left, top, right, bottom]
}

const colours = [
  [255, 0, 0],
  [0, 255, 0],
  [0, 0, 255],
  [255, 0, 255],
] as const

test('four small frames stand two by two, enlarged, below the title', async () => {
  const frames = colours.map((colour) => frame(colour, 128, 128))
  const page = await readImage(
    await storyboard(frames, { title: 'A story', cast: [{ name: 'Mo', description: 'a fox' }] }),
  )
  const [a, b, c, d] = colours.map((colour) => box(page, colour)) as [number[], number[], number[], number[]]
  for (const [left, top, right, bottom] of [a, b, c, d]) {
    assert.deepEqual([right! - left! + 1, bottom! - top! + 1], [384, 384])
  }
  assert.ok(a[2]! < b[0]! && a[1] === b[1] && a[0] === c[0] && a[3]! < c[1]! && d[1] === c[1])
  assert.ok(a[1]! > 140, 'the heading has room')
  const bare = await readImage(await storyboard(frames, { title: '' }))
  assert.equal(box(bare, colours[0])[1], 64 + 16)
})

test('frames of other shapes and numbers keep their proportions and stay on the page', async () => {
  const wide = await readImage(await storyboard([frame([255, 0, 0], 1000, 500)], { title: 'Wide' }))
  const [left, top, right, bottom] = box(wide, [255, 0, 0]) as [number, number, number, number]
  assert.deepEqual([right - left + 1, bottom - top + 1], [640, 320])
  for (const count of [2, 3, 5, 7, 12]) {
    const frames = Array.from({ length: count }, (_, i) => frame(i === count - 1 ? [255, 0, 0] : [9, 9, 9], 64, 96))
    const page = await readImage(await storyboard(frames, { title: 'Many' }))
    const last = box(page, [255, 0, 0]) as [number, number, number, number]
    assert.deepEqual([last[2] - last[0] + 1, last[3] - last[1] + 1], [384, 576])
    assert.ok(last[2] < page.width - 64 && last[3] < page.height - 64)
  }
})

test('texts of any length and script leave the page whole', async () => {
  const long = 'Donaudampfschifffahrtsgesellschaft '.repeat(40)
  const odd = { ...frame([255, 0, 0], 32, 32), caption: `${long} 猫 🚀` }
  const page = await readImage(await storyboard([odd], { title: long, cast: [{ name: long, description: long }] }))
  assert.equal(box(page, [255, 0, 0])[0], 64 + 16)
  await storyboard([{ ...odd, caption: '' }], { title: '', cast: [] })
})

test('a story without frames, or with a broken one, is refused', async () => {
  await assert.rejects(storyboard([], { title: 'Nothing' }), /a story without frames/)
  await assert.rejects(
    storyboard([{ ...frame([1, 2, 3], 4, 4), height: 5 }], { title: 'Broken' }),
    /48 bytes are no picture/,
  )
})
