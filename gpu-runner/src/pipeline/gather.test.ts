import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatherIndices } from './gather.ts'

test('rows hold own pixels, then foreign ones, then what their length hides', () => {
  const { index, length } = gatherIndices([[3], [], [5], []], 2)
  assert.deepEqual(index.shape, [4, 3])
  assert.deepEqual(Array.from(index.data as BigInt64Array, Number), [0, 1, 3, 2, 3, 0, 4, 5, 5, 6, 7, 0])
  assert.deepEqual([...(length.data as Int32Array)], [3, 2, 3, 2])
})
