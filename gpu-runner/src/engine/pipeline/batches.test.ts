import assert from 'node:assert/strict'
import { test } from 'node:test'
import { closure, planBatches } from './batches.ts'

const range = (n: number) => Array.from({ length: n }, (_, i) => i)

test('what fits into one call is one call', () => {
  assert.deepEqual(planBatches(range(3), [[1], [0], [0, 1]], 3), [{ frames: [0, 1, 2], taken: [0, 1, 2] }])
  assert.deepEqual(planBatches([], [], 3), [])
})

test('frames that attend to no other are batched in order', () => {
  const batches = planBatches(range(5), [], 2)
  assert.deepEqual(
    batches.map(({ taken }) => taken),
    [[0, 1], [2, 3], [4]],
  )
})

test('anchors are in every call that needs them, and their results count once', () => {
  const attendsTo = range(12).map((i) => [0, 1].filter((anchor) => anchor !== i))
  const batches = planBatches(range(12), attendsTo, 4)
  assert.deepEqual(batches[1], { frames: [0, 1, 4, 5], taken: [4, 5] })
  assert.ok(batches.every(({ frames }) => frames.length <= 4))
  assert.deepEqual(
    batches.flatMap(({ taken }) => taken),
    range(12),
  )
})

test('a frame that attends to more frames than a call may have gets them all in one', () => {
  const chain = [[1], [2], [], [0]]
  assert.deepEqual([...closure(3, chain)].sort(), [0, 1, 2, 3])
  assert.deepEqual(planBatches([3], chain, 2), [{ frames: [0, 1, 2, 3], taken: [0, 1, 2, 3] }])
})
