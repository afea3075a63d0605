import assert from 'node:assert/strict'
import { test } from 'node:test'
import { queryClasses } from '../graph/gathered-attention.ts'
import type { HostTensor } from '../runtime/tensor.ts'
import { sharedKeyFeeds } from './shared-keys.ts'

/** Which classes are set, in each place. */
const classes = ({ data }: HostTensor) =>
  Array.from({ length: data.length / queryClasses }, (_, i) =>
    Array.from({ length: queryClasses }, (_, c) => c).filter((c) => data[i * queryClasses + c] === 1),
  )

test('rows hold their own pixels, then shared ones, then padding, which is masked for all', () => {
  const { index, queryClass, keyMask } = sharedKeyFeeds([[3], [], [5], []], 2)
  assert.deepEqual(
    [index.shape, queryClass.shape, keyMask.shape],
    [
      [4, 3],
      [4, 2, 8],
      [4, 3, 8],
    ],
  )
  assert.deepEqual(Array.from(index.data as BigInt64Array, Number), [0, 1, 3, 2, 3, 2, 4, 5, 5, 6, 7, 6])
  assert.deepEqual(classes(queryClass), Array(8).fill([0]))
  const padded = [5, 11]
  assert.deepEqual(
    classes(keyMask),
    Array.from({ length: 12 }, (_, key) => (padded.includes(key) ? [0] : [])),
  )
})

test('a shared pixel of a character is masked for every other character, and own pixels for nobody', () => {
  const labels = [Uint8Array.of(1, 2), Uint8Array.of(0, 2), Uint8Array.of(7, 0)]
  const { queryClass, keyMask } = sharedKeyFeeds([[3, 4], [0], []], 2, labels)
  assert.deepEqual(classes(queryClass), [[0, 1], [0, 2], [0], [0, 2], [0, 7], [0]])
  assert.deepEqual(classes(keyMask), [
    ...[[], [], [1, 3, 4, 5, 6, 7], [1, 2, 3, 4, 5, 6]],
    ...[[], [], [2, 3, 4, 5, 6, 7], [0]],
    ...[[], [], [0], [0]],
  ])
  assert.throws(() => sharedKeyFeeds([[]], 1, [Uint8Array.of(8)]), /character 8 of at most 7/)
})
