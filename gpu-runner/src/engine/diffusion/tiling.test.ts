import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { input } from '../graph/value.ts'
import { readConfig } from '../io/config.ts'
import { AutoencoderConfig, decode, encode } from '../models/autoencoder-kl.ts'
import { openWeights } from '../runtime/model-weights.ts'
import { openSession } from '../runtime/session.ts'
import { gaussian } from './noise.ts'
import { inTiles, type Planes, tilingOf } from './tiling.ts'

const vae = join(import.meta.dirname, '../../../../test/golden/e2e-sd15-tiny/pipeline/vae')

function noise(shape: readonly number[], stream = 0): Planes {
  const size = shape.reduce((a, b) => a * b)
  return { data: gaussian({ seed: 1, story: 'tiles', frame: '', stream }, size), shape }
}

/** The upper left square of x[1,C,H,W]. */
function corner({ data, shape }: Planes, side: number): Planes {
  const [, c, h, w] = shape as [number, number, number, number]
  const pixels = [...data].filter((_, i) => i % w < side && Math.floor(i / w) % h < side)
  return { data: Float32Array.from(pixels), shape: [1, c, side, side] }
}

/** Each pixel of x becomes 2×2; what a tile does not see at its edges is made up, so that seams would show. */
async function doubled({ data, shape }: Planes): Promise<Planes> {
  const [n, c, h, w] = shape as [number, number, number, number]
  const out = new Float32Array(4 * data.length)
  for (let plane = 0; plane < n * c; plane++)
    for (let y = 0; y < 2 * h; y++)
      for (let x = 0; x < 2 * w; x++) {
        const edge = y === 0 || x === 0 || y === 2 * h - 1 || x === 2 * w - 1
        out[(plane * 2 * h + y) * 2 * w + x] = edge ? 9 : data[(plane * h + (y >> 1)) * w + (x >> 1)]!
      }
  return { data: out, shape: [n, c, 2 * h, 2 * w] }
}

/**
 * The loops of diffusers' tiled_decode, pixel by pixel: all tiles first, then each faded into the finished one above
 * and the finished one to the left, then the upper left part of each put side by side.
 */
async function reference(x: Planes, tile: number, run: (x: Planes) => Promise<Planes>): Promise<Planes> {
  const [n, c, height, width] = x.shape as [number, number, number, number]
  const [step, fade] = [(3 * tile) / 4, tile / 2]
  const kept = 2 * tile - fade
  const at = (p: Planes, plane: number, y: number, i: number) => (plane * p.shape[2]! + y) * p.shape[3]! + i
  const tiles: Planes[][] = []
  for (let top = 0; top < height; top += step) {
    const row: Planes[] = []
    for (let left = 0; left < width; left += step) {
      const shape = [n, c, Math.min(tile, height - top), Math.min(tile, width - left)]
      const part: Planes = { data: new Float32Array(shape.reduce((a, b) => a * b)), shape }
      for (let plane = 0; plane < n * c; plane++)
        for (let y = 0; y < shape[2]!; y++)
          for (let i = 0; i < shape[3]!; i++)
            part.data[at(part, plane, y, i)] = x.data[at(x, plane, top + y, left + i)]!
      row.push(await run(part))
    }
    tiles.push(row)
  }
  const result: Planes = { data: new Float32Array(4 * x.data.length), shape: [n, c, 2 * height, 2 * width] }
  for (const [i, row] of tiles.entries())
    for (const [j, own] of row.entries()) {
      const [above, left] = [tiles[i - 1]?.[j], row[j - 1]]
      for (let plane = 0; plane < n * c; plane++) {
        const down = Math.min(above?.shape[2] ?? 0, own.shape[2]!, fade)
        for (let y = 0; y < down; y++)
          for (let k = 0; k < own.shape[3]!; k++)
            own.data[at(own, plane, y, k)] =
              above!.data[at(above!, plane, above!.shape[2]! - down + y, k)]! * (1 - y / down) +
              own.data[at(own, plane, y, k)]! * (y / down)
        const across = Math.min(left?.shape[3] ?? 0, own.shape[3]!, fade)
        for (let y = 0; y < own.shape[2]!; y++)
          for (let k = 0; k < across; k++)
            own.data[at(own, plane, y, k)] =
              left!.data[at(left!, plane, y, left!.shape[3]! - across + k)]! * (1 - k / across) +
              own.data[at(own, plane, y, k)]! * (k / across)
        for (let y = 0; y < Math.min(kept, own.shape[2]!); y++)
          for (let k = 0; k < Math.min(kept, own.shape[3]!); k++)
            result.data[at(result, plane, i * kept + y, j * kept + k)] = own.data[at(own, plane, y, k)]!
      }
    }
  return result
}

test('tiles agree with the loops of diffusers, whatever the sizes', async () => {
  for (const [height, width] of [
    [8, 9],
    [20, 8],
    [19, 23],
    [6, 30],
    [7, 14],
    [12, 12],
  ] as const) {
    const x = noise([2, 3, height, width])
    const got = await inTiles(x, { tile: 8, out: 16 }, doubled)
    const expected = await reference(x, 8, doubled)
    assert.deepEqual(got.shape, expected.shape)
    assert.deepEqual(got.data, expected.data)
  }
})

test('the shares of tiles sum to one: what every tile agrees on stays', async () => {
  const same = { data: new Float32Array(41 * 29).fill(0.7), shape: [1, 1, 41, 29] }
  const larger = async ({ shape: [n, c, h, w] }: Planes) => {
    const shape = [n!, c!, 2 * h!, 2 * w!]
    return { data: new Float32Array(shape.reduce((a, b) => a * b)).fill(0.7), shape }
  }
  const { data } = await inTiles(same, { tile: 8, out: 16 }, larger)
  assert.ok(data.every((value) => Math.abs(value - 0.7) < 1e-6))
})

test('an AutoencoderKL: one tile is plain, and the model never sees more than a tile', async () => {
  const config = readConfig(join(vae, 'config.json'), AutoencoderConfig.parse)
  const { weights, root } = openWeights(vae, 'diffusion_pytorch_model')
  const latent = input('x', ['batch', config.latentChannels, 'height', 'width'])
  const image = input('x', ['batch', config.inChannels, 'height', 'width'])
  for (const [y, channels, tiling] of [
    [decode(latent, weights, config), config.latentChannels, tilingOf(16 * config.factor, config.factor, 'decode')],
    [encode(image, weights, config), config.inChannels, tilingOf(16 * config.factor, config.factor, 'encode')],
  ] as const) {
    const session = await openSession({ y }, { weights: root, threads: 1 })
    let [largest, calls] = [0, 0]
    const run = async (x: Planes): Promise<Planes> => {
      largest = Math.max(largest, x.shape[2]!, x.shape[3]!)
      calls++
      const { data, shape } = (await session.run({ x })).y!
      return { data: data as Float32Array, shape }
    }
    const small = noise([1, channels, tiling.tile, tiling.tile])
    const plain = await run(small)
    assert.deepEqual(await inTiles(small, tiling, run), plain)
    assert.equal(calls, 2)

    const large = noise([1, channels, 2.5 * tiling.tile, 1.75 * tiling.tile], 1)
    const tiled = await inTiles(large, tiling, run)
    assert.deepEqual([largest, calls], [tiling.tile, 2 + 4 * 3])
    assert.deepEqual(tiled.shape, (await run(large)).shape)
    // Norms and attention see a tile instead of the picture: only what a tile alone decides can be compared.
    const first = await inTiles(corner(large, tiling.tile), tiling, run)
    const kept = 0.75 * tiling.out
    assert.deepEqual(corner(tiled, kept), corner(first, kept))
    await session.close()
  }
})

test('a stop comes between tiles, and what cannot be joined is refused', async () => {
  const x = noise([1, 1, 20, 20])
  const stop = new AbortController()
  let calls = 0
  const stopping = async (part: Planes) => {
    if (++calls === 2) stop.abort()
    return doubled(part)
  }
  await assert.rejects(inTiles(x, { tile: 8, out: 16 }, stopping, stop.signal), /abort/)
  assert.equal(calls, 2)
  await assert.rejects(inTiles(x, { tile: 10, out: 80 }, doubled), /tiles of 10 .* do not meet/)
  await assert.rejects(inTiles(x, { tile: 8, out: 16, overlap: 1 }, doubled), /share 1 of it do not meet/)
  await assert.rejects(inTiles(x, { tile: 8, out: 8 }, doubled), /a tile \[1,1,8,8\] became \[1,1,16,16\]/)
  await assert.rejects(inTiles(noise([1, 1, 9, 20]), { tile: 16, out: 4 }, doubled), /whole pixels/)
  await assert.rejects(inTiles({ ...x, shape: [1, 20, 20] }, { tile: 8, out: 16 }, doubled), /no planes/)
})
