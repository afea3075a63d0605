import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gatherIndices } from './gather.ts'

test('rows hold own pixels, then foreign ones, then padding', () => {
  const { data, shape } = gatherIndices([[3], [], [5], []], 2)
  assert.deepEqual(shape, [4, 3])
  assert.deepEqual(Array.from(data as BigInt64Array, Number), [0, 1, 3, 2, 3, 8, 4, 5, 5, 6, 7, 8])
})
