import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, evaluate, randn } from '../../../../test/gradient.ts'
import { sharedKeyFeeds } from '../pipeline/shared-keys.ts'
import type { HostTensor } from '../runtime/tensor.ts'
import { gatheredAttention, queryClasses } from './gathered-attention.ts'
import { input, type Value } from './value.ts'

const [b, s, d, heads] = [3, 4, 8, 2]
const tensors = { q: randn([b, s, d], 1), k: randn([b, s, d], 2), v: randn([b, s, d], 3) }
const shared = [[4, 5, 6, 9], [0, 2], []]

async function gathered(feeds: { q: HostTensor; k: HostTensor; v: HostTensor }, labels?: Uint8Array[]) {
  const [q, k, v] = ['q', 'k', 'v'].map((name) => input(name, ['batch', 'pixels', d])) as [Value, Value, Value]
  const y = gatheredAttention(q, k, v, heads, {
    index: input('index', ['batch', 'keys'], 'int64'),
    queryClass: input('queryClass', ['batch', 'queries', queryClasses]),
    keyMask: input('keyMask', ['batch', 'keys', queryClasses]),
  })
  return (await evaluate({ y }, { ...feeds, ...sharedKeyFeeds(shared, s, labels) })).y!.data
}

/** The formula by plain loops: softmax over own keys, and over shared ones that the query's label may see. */
function reference(labels?: readonly Uint8Array[]): Float32Array {
  const { q, k, v } = tensors
  const own = d / heads
  const y = new Float32Array(b * s * d)
  for (let row = 0; row < b; row++)
    for (let pixel = 0; pixel < s; pixel++)
      for (let head = 0; head < heads; head++) {
        const label = labels?.[row]?.[pixel] ?? 0
        const keys = [
          ...Array.from({ length: s }, (_, p) => row * s + p),
          ...shared[row]!.filter((key) => {
            const its = labels?.[Math.floor(key / s)]?.[key % s] ?? 0
            return label === 0 || its === 0 || label === its
          }),
        ]
        const at = (data: Float32Array, place: number, c: number) => data[place * d + head * own + c]!
        const scores = keys.map((key) => {
          let dot = 0
          for (let c = 0; c < own; c++) dot += at(q.data, row * s + pixel, c) * at(k.data, key, c)
          return Math.exp(dot / Math.sqrt(own))
        })
        const sum = scores.reduce((a, x) => a + x, 0)
        for (let c = 0; c < own; c++)
          y[(row * s + pixel) * d + head * own + c] =
            keys.reduce((a, key, i) => a + scores[i]! * at(v.data, key, c), 0) / sum
      }
  return y
}

test('each row attends to its own keys and the shared ones it is given, and padding is masked', async () =>
  assertClose(await gathered(tensors), reference(), 1e-5))

test('guarded, a pixel of one character attends to no shared pixel of another, by plain loops', async () => {
  const labels = [Uint8Array.of(1, 2, 0, 1), Uint8Array.of(1, 2, 2, 0), Uint8Array.of(0, 1, 2, 2)]
  const guarded = await gathered(tensors, labels)
  assertClose(guarded, reference(labels), 1e-5)
  const apart = guarded.reduce((most, y, i) => Math.max(most, Math.abs(y - reference()[i]!)), 0)
  assert.ok(apart > 0.01, `the guard makes no difference: ${apart}`)
})

test('masked keys have no influence: not a bit changes, even for values of a million', async () => {
  const labels = [Uint8Array.of(1, 1, 1, 1), Uint8Array.of(1, 2, 2, 0), Uint8Array.of(2, 2, 2, 2)]
  const plain = await gathered(tensors, labels)
  const k = { ...tensors.k, data: tensors.k.data.slice() }
  const v = { ...tensors.v, data: tensors.v.data.slice() }
  // Pixels 1 and 2 of row 1 are the other's to all of row 0, and so is pixel 1 of row 2.
  for (const pixel of [5, 6, 9]) {
    v.data.fill(1e6, pixel * d, (pixel + 1) * d)
    k.data.fill(30, pixel * d, (pixel + 1) * d)
  }
  const changed = await gathered({ ...tensors, k, v }, labels)
  const row0 = (y: Float32Array) => Buffer.from(y.slice(0, s * d).buffer)
  assert.equal(Buffer.compare(row0(plain), row0(changed)), 0)
  const unguarded = await gathered({ ...tensors, k, v })
  assert.ok(unguarded.slice(0, s * d).some((y) => Math.abs(y) > 1000))
})
