import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, evaluate, randn } from '../../../../test/gradient.ts'
import { attention, groupBias } from '../graph/attention.ts'
import { input } from '../graph/value.ts'
import { promptBias, promptOfToken, promptRegionMask, promptRegionOf } from './regional-prompts.ts'

const [rows, side, tokens, width, heads] = [3, 4, 5, 8, 2]
const pixels = side * side
const grid = { width: side, height: side }

/** Cross-attention of rows of so many regions each to `prompts` prompts side by side. */
async function read(regions: readonly number[], prompts: number, q: Float32Array, context: Float32Array) {
  const all = prompts * tokens
  const k = input('k', ['batch', 'tokens', width])
  const ofToken = groupBias(input('bias', ['batch', 1, pixels, 'prompts']), input('promptOf', ['tokens'], 'int64'))
  const y = attention(input('q', ['batch', pixels, width]), k, k, heads, ofToken)
  const feeds = {
    q: { data: q, shape: [regions.length, pixels, width] },
    k: { data: context, shape: [regions.length, all, width] },
    bias: { data: promptBias(regions, prompts, grid), shape: [regions.length, 1, pixels, prompts] },
    promptOf: { data: promptOfToken(prompts, tokens), shape: [all] },
  }
  return (await evaluate({ y }, feeds)).y!.data as Float32Array
}

test('a pixel gets what the prompt of its own region alone would give it', async () => {
  const q = randn([rows, pixels, width], 1).data as Float32Array
  const prompts = randn([rows * 3, tokens, width], 2).data as Float32Array
  const regions = [3, 1, 2]
  const together = await read(regions, 3, q, prompts)
  for (let prompt = 0; prompt < 3; prompt++) {
    const size = tokens * width
    const only = Float32Array.from({ length: rows * size }, (_, i) => {
      const row = Math.floor(i / size)
      return prompts[(row * 3 + prompt) * size + (i % size)]!
    })
    const alone = await read([1, 1, 1], 1, q, only)
    for (let row = 0; row < rows; row++)
      for (let p = 0; p < pixels; p++) {
        if (promptRegionOf(p % side, side, regions[row]!) !== prompt) continue
        const at = (row * pixels + p) * width
        assertClose(together.subarray(at, at + width), alone.subarray(at, at + width), 1e-6)
      }
  }
})

test('regions have equal widths, to a pixel, go from left to right, and cover all', () => {
  const of = (width: number, regions: number) =>
    Array.from({ length: width }, (_, x) => promptRegionOf(x, width, regions))
  assert.deepEqual(of(4, 2), [0, 0, 1, 1])
  assert.deepEqual(of(4, 3), [0, 1, 1, 2])
  assert.deepEqual(of(16, 3), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2])
  assert.deepEqual(of(3, 1), [0, 0, 0])
  assert.deepEqual([...promptRegionMask(1, 2, { width: 4, height: 2 })], [0, 0, 1, 1, 0, 0, 1, 1])
})
