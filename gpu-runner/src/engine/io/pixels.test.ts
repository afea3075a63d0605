import assert from 'node:assert/strict'
import { test } from 'node:test'
import { clipPixels, maskPixels, rgbPlanes, vaePixels } from './pixels.ts'
import { centreCrop, type Picture, resize } from './resize.ts'

const picture = (width: number, height: number, value: (x: number, y: number) => number): Picture => ({
  data: Uint8Array.from({ length: width * height }, (_, i) => value(i % width, Math.floor(i / width))),
  width,
  height,
  channels: 1,
})

test('resize leaves an even picture even, in every direction and with both filters', () => {
  for (const filter of ['bicubic', 'lanczos'] as const)
    for (const [width, height] of [
      [3, 20],
      [40, 5],
    ] as const) {
      const { data } = resize(
        picture(17, 11, () => 137),
        width,
        height,
        filter,
      )
      assert.deepEqual([...new Set(data)], [137])
    }
})

test('vaePixels, maskPixels and clipPixels take the range, the halves and the middle', () => {
  const halves = picture(8, 4, (x) => (x < 4 ? 0 : 255))
  assert.deepEqual([...vaePixels(halves, 8, 1)].map(Math.sign), [-1, -1, -1, -1, 1, 1, 1, 1])
  assert.deepEqual([...maskPixels(halves, 4, 1)], [0, 0, 1, 1])
  const options = { shortestEdge: 4, crop: { width: 4, height: 4 }, mean: [0.5], std: [0.5] }
  assert.deepEqual([...clipPixels(halves, options)].slice(0, 4), [-1, -1, 1, 1])
})

test('rgbPlanes puts channels before pixels, picture after picture', () => {
  const [first, second] = [Uint8Array.of(0, 51, 102, 153, 204, 255), Uint8Array.of(255, 0, 0, 255, 0, 0)]
  const { data, shape } = rgbPlanes([first, second], { width: 1, height: 2 })
  assert.deepEqual(shape, [2, 3, 2, 1])
  const fifths = [-1, 0.2, -0.6, 0.6, -0.2, 1].map(Math.fround)
  assert.deepEqual([...data], [...fifths, 1, 1, -1, -1, -1, -1])
})

test('a picture that is too small for the crop, or a mask with colours, is refused with its size', () => {
  const small = picture(4, 4, () => 0)
  assert.throws(() => centreCrop(small, 5, 4), /5×4 of 4×4/)
  assert.throws(() => resize(small, 0, 4, 'bicubic'), /to 0×4/)
  assert.throws(() => maskPixels({ ...small, width: 2, height: 2, channels: 4 }, 2, 2), /4 channels/)
})
