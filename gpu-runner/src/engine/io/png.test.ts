import assert from 'node:assert/strict'
import { test } from 'node:test'
import sharp from 'sharp'
import { gaussian } from '../diffusion/noise.ts'
import { encodePng, PictureError, readImage, resized } from './png.ts'

/** Three by two pixels, all different. */
const picture = { rgb: Uint8Array.from({ length: 18 }, (_, i) => i * 14), width: 3, height: 2 }

test('a PNG gives back every pixel', async () => {
  assert.deepEqual(await readImage(await encodePng(picture)), picture)
})

test('pictures are read upright, on white, in colour', async () => {
  const red = { width: 4, height: 2, channels: 3, background: '#ff0000' } as const
  const turned = await readImage(await sharp({ create: red }).withMetadata({ orientation: 6 }).jpeg().toBuffer())
  assert.deepEqual([turned.width, turned.height], [2, 4])
  const clear = { ...red, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } as const
  assert.ok((await readImage(await sharp({ create: clear }).webp().toBuffer())).rgb.every((value) => value === 255))
  const gray = await readImage(await sharp({ create: red }).toColourspace('b-w').png().toBuffer())
  assert.equal(gray.rgb.length, 4 * 2 * 3)
})

test('what is no picture, too large or more than pixels is refused', async () => {
  const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"/>')
  const png = await encodePng(picture)
  const noise = gaussian({ seed: 1, story: '', frame: '', stream: 0 }, 64 * 64 * 3).map((value) => 128 + 40 * value)
  const cut = (await encodePng({ rgb: Uint8Array.from(noise), width: 64, height: 64 })).subarray(0, 2000)
  for (const [bytes, problem] of [
    [Buffer.from('hello'), /no readable picture in 5 bytes/],
    [Buffer.alloc(0), /no readable picture in 0 bytes/],
    [cut, /no readable picture in 2000 bytes/],
    [svg, /svg pictures are not read, only png/],
  ] as const) {
    await assert.rejects(readImage(bytes), (error) => error instanceof PictureError && problem.test(error.message))
  }
  await assert.rejects(readImage(png, 5), /3 × 2 pixels are more than the 5/)
  await assert.rejects(encodePng({ ...picture, height: 3 }), /18 bytes are no picture of 3 × 3 × 3/)
  await assert.rejects(encodePng({ rgb: new Uint8Array(), width: 0, height: 2 }), /0 bytes are no picture of 0 × 2/)
})

test('resampling keeps a plain colour, and the very picture at its own size', async () => {
  const plain = { rgb: new Uint8Array(12).fill(90), width: 2, height: 2 }
  const large = await resized(plain, 6, 4)
  assert.deepEqual([large.width, large.height, large.rgb.length], [6, 4, 72])
  assert.ok(large.rgb.every((value) => value === 90))
  assert.equal(await resized(plain, 2, 2), plain)
})
