import assert from 'node:assert/strict'
import { test } from 'node:test'
import { random } from '../../lab/storydb/random.ts'
import { aligned, backgroundDistance, bestPairing, copyPaste, dice, meanOverPairs, poseDistance } from './metrics.ts'
import type { Mask } from './pictures.ts'

const close = (a: number | null, b: number, tolerance = 1e-6) =>
  assert.ok(a !== null && Math.abs(a - b) < tolerance, `${a} is not ${b}`)
const r = random(1, 2)
const grid = (side: number, of: (x: number, y: number) => number): Mask => ({
  side,
  data: Float32Array.from({ length: side * side }, (_, i) => of(i % side, Math.floor(i / side))),
})
const randomGrid = (side: number) => grid(side, () => r.next())

test('copyPaste is the first of a softmax over two cosines at a temperature of 0.01', () => {
  for (const [a, b] of [
    [0.91, 0.9],
    [0.5, 0.52],
    [0.7, 0.7],
  ] as const)
    close(copyPaste(a, b), Math.exp(a / 0.01) / (Math.exp(a / 0.01) + Math.exp(b / 0.01)))
  close(copyPaste(0.3, 0.3), 0.5)
})

test('dice agrees with counting; empty masks agree; grids that differ are refused', () => {
  const [a, b] = [randomGrid(9), randomGrid(9)]
  let [both, own, other] = [0, 0, 0]
  for (let i = 0; i < 81; i++) {
    if (a.data[i]! >= 0.5) own++
    if (b.data[i]! >= 0.5) other++
    if (a.data[i]! >= 0.5 && b.data[i]! >= 0.5) both++
  }
  close(dice(a, b), (2 * both) / (own + other))
  assert.equal(
    dice(
      grid(3, () => 0),
      grid(3, () => 0.4),
    ),
    1,
  )
  assert.throws(
    () =>
      dice(
        a,
        grid(3, () => 0),
      ),
    /grids of 9 and 3/,
  )
})

test('backgroundDistance is the mean difference of what both show behind their characters', () => {
  const side = 5
  const of = (mask: Mask) => ({ mask, planes: Float32Array.from({ length: 3 * side * side }, () => r.between(-1, 1)) })
  const [a, b] = [of(randomGrid(side)), of(randomGrid(side))]
  const differences: number[] = []
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++)
      if (a.mask.data[y * side + x]! < 0.5 && b.mask.data[y * side + x]! < 0.5)
        for (const c of [0, 1, 2]) {
          const at = c * side * side + y * side + x
          differences.push(Math.abs(a.planes[at]! - b.planes[at]!) / 2)
        }
  close(backgroundDistance(a, b), differences.reduce((x, y) => x + y, 0) / differences.length)
  assert.equal(backgroundDistance(of(grid(side, () => 1)), b), null)
})

test('silhouettes are compared whatever their place and size, and mirror images differ', () => {
  // An L of 2 cells a stroke, and the same shifted, and twice as large.
  const shape = (x: number, y: number, scale: number) =>
    grid(32, (px, py) => {
      const [u, v] = [(px - x) / scale, (py - y) / scale]
      return Number((u >= 0 && u < 2 && v >= 0 && v < 8) || (u >= 0 && u < 6 && v >= 6 && v < 8))
    })
  const plain = shape(3, 2, 1)
  close(poseDistance(plain, shape(11, 20, 1)), 0)
  close(poseDistance(plain, shape(4, 5, 2)), 0)
  const turned = grid(32, (x, y) => plain.data[y * 32 + 31 - x]!)
  // In strokes of 8×8 squares of the aligned grid: both show the foot of 6×2, and the lower end of neither stroke more.
  const [first, second] = [aligned(plain)!, aligned(turned)!]
  let [both, either] = [0, 0]
  for (let i = 0; i < first.length; i++) {
    if (first[i] && second[i]) both++
    if (first[i] || second[i]) either++
  }
  close(poseDistance(plain, turned), 1 - both / either)
  assert.ok(poseDistance(plain, turned)! > 0.3)
  assert.equal(
    poseDistance(
      plain,
      grid(32, () => 0),
    ),
    null,
  )
})

test('meanOverPairs takes each pair once and leaves out those without a distance', () => {
  close(
    meanOverPairs([1, 2, 4], (a, b) => b - a),
    (1 + 3 + 2) / 3,
  )
  close(
    meanOverPairs([1, 2, 4], (a, b) => (b - a === 3 ? null : b - a)),
    1.5,
  )
  assert.equal(
    meanOverPairs([1], () => 1),
    null,
  )
})

test('bestPairing finds the best of all pairings, also where somebody is missing', () => {
  const scores = [
    [0.9, 0.8, 0.1],
    [0.95, 0.1, 0.2],
    [0.5, 0.6, 0.7],
  ]
  const score = (e: number, s: number) => scores[e]![s]!
  assert.deepEqual(bestPairing(3, 3, score), [1, 0, 2])
  assert.deepEqual(bestPairing(3, 1, score), [null, 0, null])
  assert.deepEqual(bestPairing(2, 3, score), [1, 0])
  assert.deepEqual(bestPairing(2, 0, score), [null, null])
})
