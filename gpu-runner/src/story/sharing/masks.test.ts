import assert from 'node:assert/strict'
import { test } from 'node:test'
import { uniform } from '../../../../test/gradient.ts'
import { characterMasks, otsu } from './masks.ts'

const grid = { width: 8, height: 8 }

/** Attention `high` inside the rectangle, about `low` outside. */
function blob(left: number, right: number, high = 0.9, low = 0.1): Float32Array {
  const next = uniform(left + 31 * right)
  return Float32Array.from({ length: 64 }, (_, p) => (p % 8 >= left && p % 8 < right ? high : low) + 0.02 * next())
}

const columns = (mask: Uint8Array | null) =>
  [...new Set([...mask!.keys()].filter((p) => mask![p]).map((p) => p % 8))].sort()

test("Otsu's threshold lies between two levels and explains their variance", () => {
  const { level, explained } = otsu(blob(2, 5))
  assert.ok(level > 0.119 && level < 0.9, `level ${level}`)
  assert.ok(explained > 0.95, `explained ${explained}`)
  assert.deepEqual(otsu(new Float32Array(64).fill(0.5)), { level: 1 / 256, explained: 0 })
})

test('a clear map becomes its own mask, at its own grid and at a coarser one', () => {
  const [mask] = characterMasks([blob(2, 5)], grid, grid)
  assert.deepEqual(columns(mask!), [2, 3, 4])
  const [small] = characterMasks([blob(2, 6)], grid, { width: 4, height: 4 })
  assert.equal(small!.length, 16)
  assert.deepEqual([...small!.slice(0, 4)], [0, 1, 1, 0])
})

test('on a finer grid, a map is read between its pixels', () => {
  const map = Float32Array.of(0, 0, 1, 1)
  const [mask] = characterMasks([map], { width: 4, height: 1 }, { width: 12, height: 3 })
  assert.deepEqual([...mask!.slice(0, 12)], [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
  assert.deepEqual(mask!.slice(24), mask!.slice(0, 12))
  // Twice an odd size, less one: what a level above has, where sides were rounded up.
  const [odd] = characterMasks([map.slice(0, 3)], { width: 3, height: 1 }, { width: 5, height: 2 })
  assert.deepEqual([...odd!], [0, 0, 0, 1, 1, 0, 0, 0, 1, 1])
})

test('characters never claim the same pixel: the one with more attention has it', () => {
  const [a, b] = characterMasks([blob(0, 5, 0.9), blob(4, 8, 0.95)], grid, grid)
  assert.ok(a!.every((bit, p) => bit + b![p]! <= 1))
  assert.deepEqual(columns(a!).at(0), 0)
  assert.deepEqual(columns(b!).at(-1), 7)
})

test('an absent character has no mask, and a map that says nothing falls back to the most attended fifth', () => {
  const next = uniform(5)
  const noise = Float32Array.from({ length: 64 }, () => 0.5 + 0.1 * Math.sin(3 * next()))
  const speck = new Float32Array(6400).fill(0.1)
  speck[0] = 1
  const [absent, vague] = characterMasks([null, noise], grid, grid)
  assert.equal(absent, null)
  const area = vague!.reduce((sum, bit) => sum + bit, 0)
  assert.ok(area > 0 && area <= 0.7 * 64, `area ${area}`)
  const big = { width: 80, height: 80 }
  const [tiny] = characterMasks([speck], big, big)
  assert.ok(tiny!.reduce((sum, bit) => sum + bit, 0) >= 0.2 * 6400, 'less than 1 % of the picture is not believed')
})
