import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryClasses } from '../graph/gathered-attention.ts'
import type { HostTensor } from '../runtime/tensor.ts'
import { gatherFeeds } from './gather.ts'

/** Which classes are set, in each place. */
const classes = ({ data }: HostTensor) =>
  Array.from({ length: data.length / queryClasses }, (_, i) =>
    Array.from({ length: queryClasses }, (_, c) => c).filter((c) => data[i * queryClasses + c] === 1),
  )

test('rows hold own pixels, then foreign ones, then padding, which is hidden from all', () => {
  const { index, asks, hides } = gatherFeeds([[3], [], [5], []], 2)
  assert.deepEqual(
    [index.shape, asks.shape, hides.shape],
    [
      [4, 3],
      [4, 2, 8],
      [4, 3, 8],
    ],
  )
  assert.deepEqual(Array.from(index.data as BigInt64Array, Number), [0, 1, 3, 2, 3, 2, 4, 5, 5, 6, 7, 6])
  assert.deepEqual(classes(asks), Array(8).fill([0]))
  const padded = [5, 11]
  assert.deepEqual(
    classes(hides),
    Array.from({ length: 12 }, (_, key) => (padded.includes(key) ? [0] : [])),
  )
})

test('a foreign pixel of a character is hidden from every other character, and own ones from nobody', () => {
  const labels = [Uint8Array.of(1, 2), Uint8Array.of(0, 2), Uint8Array.of(7, 0)]
  const { asks, hides } = gatherFeeds([[3, 4], [0], []], 2, labels)
  assert.deepEqual(classes(asks), [[0, 1], [0, 2], [0], [0, 2], [0, 7], [0]])
  assert.deepEqual(classes(hides), [
    ...[[], [], [1, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6]],
    ...[[], [], [2, 3, 4, 5, 6, 7], [0]],
    ...[[], [], [0], [0]],
  ])
  assert.throws(() => gatherFeeds([[]], 1, [Uint8Array.of(8)]), /character 8 of at most 7/)
})
