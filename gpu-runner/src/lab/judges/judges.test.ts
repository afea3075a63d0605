import assert from 'node:assert/strict'
import { test } from 'node:test'
import { areaMask, mirrored, portraitPlanes, squareAround, wholePlanes } from '../../story/measures/pictures.ts'
import { areaUnderCurve, cosine, equalErrorRate } from '../../story/measures/verification.ts'
import { random } from '../storydb/random.ts'
import { locate } from './locate.ts'

const side = 32
const cells = side * side

/** What a perfect network says of discs: [x, y, radius] in cells each. */
function mapOf(...discs: [number, number, number][]): Float32Array {
  const map = new Float32Array(3 * cells).fill(0)
  map.fill(-9, 0, cells)
  for (let i = 0; i < cells; i++)
    for (const [x, y, radius] of discs) {
      const [dx, dy] = [x - (i % side) - 0.5, y - Math.floor(i / side) - 0.5]
      if (Math.hypot(dx, dy) > radius) continue
      map[i] = 9
      map[cells + i] = dx / side
      map[2 * cells + i] = dy / side
    }
  return map
}
const area = (mask: { data: Float32Array } | null) => mask?.data.filter((p) => p >= 0.5).length

test('characters that touch are separated by the middles they vote for, from the left', () => {
  const { characters } = locate(mapOf([20, 12, 5], [10, 18, 6]), side, 2)
  assert.ok(characters[0]!.data[18 * side + 10]! > 0.5 && characters[1]!.data[12 * side + 20]! > 0.5)
  const [a, b] = [area(locate(mapOf([10, 18, 6]), side, 1).characters[0]!), area(characters[0]!)]
  assert.ok(Math.abs(a! - b!) <= 3, `${a} and ${b} cells`)
})

test('who is not there is null: nobody found, or fewer than should be', () => {
  assert.deepEqual(locate(mapOf(), side, 2).characters, [null, null])
  const { characters, all } = locate(mapOf([16, 16, 7]), side, 2)
  assert.deepEqual([characters.length, characters[1]], [2, null])
  assert.equal(area(characters[0]!), area(all))
  assert.deepEqual(locate(mapOf([16, 16, 7]), side, 0).characters, [])
})

test('planes and masks are area means; a portrait shows its square, mirrored twice is the same', () => {
  const size = 8
  const rgb = Uint8Array.from({ length: size * size * 3 }, (_, i) => (7 * i) % 256)
  const planes = wholePlanes({ rgb, size }, 4)
  let sum = 0
  for (const [x, y] of [
    [2, 4],
    [3, 4],
    [2, 5],
    [3, 5],
  ] as const)
    sum += rgb[(y * size + x) * 3 + 1]!
  assert.ok(Math.abs(planes[16 + 2 * 4 + 1]! - (sum / 4 / 127.5 - 1)) < 1e-6)
  const mask = areaMask(
    Uint8Array.from({ length: 64 }, (_, i) => (i % 8 < 3 ? 255 : 0)),
    size,
    4,
  )
  assert.deepEqual([...mask.data.subarray(0, 4)], [1, 0.5, 0, 0])
  assert.throws(() => areaMask(new Uint8Array(64), 8, 3), /do not divide/)
  const square = squareAround(mask, 1)!
  assert.deepEqual(square, { left: -0.25, top: 0, side: 1 })
  const portrait = portraitPlanes({ rgb, size }, mask, { left: 0, top: 0, side: 1 }, 8)
  for (let i = 0; i < 64; i++) assert.ok(Math.abs(portrait[i]! - (rgb[3 * i]! / 127.5 - 1)) < 1e-6)
  assert.deepEqual(mirrored(mirrored(portrait, 8), 8), portrait)
  assert.equal(mirrored(portrait, 8)[0], portrait[7])
  assert.equal(squareAround({ data: new Float32Array(16), side: 4 }), null)
})

test('area under the curve and equal error rate agree with counting', () => {
  const r = random(5)
  const value = (shift: number) => Math.round(20 * (r.next() + shift)) / 20
  const [same, different] = [Array.from({ length: 60 }, () => value(0.3)), Array.from({ length: 90 }, () => value(0))]
  let wins = 0
  for (const a of same) for (const b of different) wins += a > b ? 1 : a === b ? 0.5 : 0
  assert.ok(Math.abs(areaUnderCurve(same, different) - wins / (60 * 90)) < 1e-9)
  let [gap, rate] = [2, 1]
  for (const t of [...same, ...different]) {
    const [refused, passed] = [same.filter((x) => x < t).length / 60, different.filter((x) => x >= t).length / 90]
    if (Math.abs(refused - passed) < gap) [gap, rate] = [Math.abs(refused - passed), (refused + passed) / 2]
  }
  assert.ok(Math.abs(equalErrorRate(same, different) - rate) < gap + 1e-9)
  assert.deepEqual([areaUnderCurve([1], [0]), equalErrorRate([1], [0])], [1, 0])
  assert.ok(Math.abs(cosine(Float32Array.of(0.6, 0.8), Float32Array.of(1, 0)) - 0.6) < 1e-6)
})
