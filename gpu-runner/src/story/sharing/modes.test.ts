import assert from 'node:assert/strict'
import { test } from 'node:test'
import { otsu, subjectMask } from './masks.ts'
import { sharingRule } from './modes.ts'

const pixels = 1024
const options = { images: 4, seed: 7, steps: 20 }
const never = () => assert.fail('no mask is wanted')

/** Shares of each other frame's pixels that are attended to. */
function shares(foreign: readonly number[], frames = 4): number[] {
  const counts = Array<number>(frames).fill(0)
  for (const pixel of foreign) counts[Math.floor(pixel / pixels)]!++
  return counts.map((count) => count / pixels)
}

test('none: nobody sees anybody; full: everybody all of everybody else, from the first step', () => {
  const none = sharingRule('none', options)
  assert.deepEqual([none.attendsTo, none.foreign(5, pixels, never)], [Array(4).fill([]), Array(4).fill([])])
  const full = sharingRule('full', options)
  assert.deepEqual(full.attendsTo, [
    [1, 2, 3],
    [0, 2, 3],
    [0, 1, 3],
    [0, 1, 2],
  ])
  const seen = full.foreign(0, pixels, never)
  assert.deepEqual(
    seen.map((own) => shares(own)),
    [
      [0, 1, 1, 1],
      [1, 0, 1, 1],
      [1, 1, 0, 1],
      [1, 1, 1, 0],
    ],
  )
})

test('random-half: half of all others, drawn anew for each who looks and each step; steps that are plain as often as theirs', () => {
  const half = sharingRule('random-half', { ...options, steps: 1000 })
  assert.deepEqual(half.foreign(0, pixels, never), Array(4).fill([]))
  const plain = (step: number) => half.foreign(step, pixels, never)[0]!.length === 0
  const count = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => plain(from + i)).filter(Boolean).length / (to - from)
  const [early, late] = [count(1, 400), count(400, 1000)]
  assert.ok(Math.abs(early - 0.3) < 0.06 && Math.abs(late - 0.1) < 0.04, `${early} and ${late}`)
  const step = Array.from({ length: 10 }, (_, i) => i + 1).find((i) => !plain(i))!
  const [first, , third] = half.foreign(step, pixels, never)
  assert.ok(shares(first!).every((share, j) => (j === 0 ? share === 0 : Math.abs(share - 0.5) < 0.06)))
  const ofSecond = (list: number[]) => list.filter((pixel) => Math.floor(pixel / pixels) === 1)
  assert.notDeepEqual(ofSecond(first!), ofSecond(third!))
})

test('consistory: subjects of the first two frames, less half; anchors never see the rest; no sharing at the first step', () => {
  const subject = Uint8Array.from({ length: pixels }, (_, p) => Number(p < 512))
  const rule = sharingRule('consistory', options)
  assert.deepEqual(rule.attendsTo, [[1], [0], [0, 1], [0, 1]])
  assert.deepEqual(rule.foreign(0, pixels, never), Array(4).fill([]))
  const seen = rule.foreign(3, pixels, () => subject)
  for (const [i, own] of seen.entries())
    for (const [j, share] of shares(own).entries())
      assert.ok(Math.abs(share - (j < 2 && j !== i ? 0.25 : 0)) < 0.04, `frame ${i} sees ${share} of ${j}`)
  assert.ok(seen.flat().every((pixel) => pixel % pixels < 512))
  assert.deepEqual(
    sharingRule('consistory', { ...options, images: 1 }).foreign(3, pixels, () => subject),
    [[]],
  )
})

test('subjectMask is the union of what Otsu cuts out of each map, rivals and sizes unheeded', () => {
  const grid = { width: 4, height: 2 }
  const a = Float32Array.of(9, 9, 9, 9, 9, 9, 0, 0)
  const b = Float32Array.of(0, 0, 0, 0, 0, 1, 8, 0)
  assert.ok(otsu(a.map((x) => x / 9)).level < 1)
  assert.deepEqual([...subjectMask([a, null, b], grid, grid)], [1, 1, 1, 1, 1, 1, 1, 0])
  assert.deepEqual([...subjectMask([null], grid, grid)], Array(8).fill(0))
})
