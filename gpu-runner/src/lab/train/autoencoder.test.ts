import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cropSource, crops, errorOf, psnr } from './autoencoder.ts'
import { randomAt } from './random.ts'

const pool = { levels: [1, 4] as const, size: 64, fresh: 1, capacity: 1 }

test('a crop as large as its frame is the frame, in −1 … 1, channel by channel', () => {
  const source = cropSource(3, 1, pool)
  const { data, shape } = crops([source], 64, 64, randomAt(1, 1))
  assert.deepEqual(shape, [1, 3, 64, 64])
  for (const [c, y, x] of [
    [0, 0, 0],
    [1, 17, 40],
    [2, 63, 63],
  ] as const)
    assert.ok(
      Math.abs((data[(c * 64 + y) * 64 + x]! as number) - (source.rgb[(y * 64 + x) * 3 + c]! / 127.5 - 1)) < 1e-6,
    )
})

test('crops are cut from within their frames, and more of them show characters than chance would', () => {
  const source = cropSource(5, 0, pool)
  const { x, y, height } = source.frame.actors[0]!
  // Marks where each pixel is, so that a crop tells where it was cut.
  const marked = {
    ...source,
    rgb: Uint8Array.from({ length: 3 * 64 * 64 }, (_, i) => [(i / 3) % 64, i / 192, 0][i % 3]!),
  }
  const random = randomAt(7, 7)
  const middles = Array.from({ length: 400 }, () => {
    const { data } = crops([marked], 64, 16, random)
    const place = (channel: number) => Math.round((Number(data[channel * 256]) + 1) * 127.5)
    const [left, top] = [place(0), place(1)]
    assert.ok(left >= 0 && left <= 48 && top >= 0 && top <= 48, `${left} ${top}`)
    return [(left + 8) / 64, (top + 8) / 64] as const
  })
  const near = middles.filter(([u, v]) => Math.abs(u - x) < 0.26 && v < y + 0.01 && v > y - height - 0.01)
  const share = near.length / middles.length
  const chance = 0.52 * height
  assert.ok(share > chance + 0.15, `${share} of the crops, ${chance} by chance`)
})

test('PSNR is that of pictures in −1 … 1', () => {
  const picture = (value: number) => ({ data: new Float32Array(12).fill(value), shape: [1, 3, 2, 2] })
  assert.ok(Math.abs(psnr(errorOf(picture(0.1), picture(-0.1))) - 20) < 1e-6)
})
