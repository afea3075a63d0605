import { test } from 'node:test'
import { assertClose, evaluate, randn } from '../../../test/gradient.ts'
import { attention } from './attention.ts'
import { gatheredAttention } from './gathered-attention.ts'
import { input, type Value } from './value.ts'

const [b, s, d, heads] = [2, 3, 4, 2]

test('each row attends to its own keys and the foreign ones it is given, and padding is hidden', async () => {
  const [q, k, v] = ['q', 'k', 'v'].map((name) => input(name, ['batch', 'pixels', d])) as [Value, Value, Value]
  const y = gatheredAttention(q, k, v, heads, input('index', ['batch', 'keys'], 'int64'))
  const tensors = { q: randn([b, s, d], 1), k: randn([b, s, d], 2), v: randn([b, s, d], 3) }
  const index = { data: BigInt64Array.from([0, 1, 2, 4, 3, 4, 5, 6], BigInt), shape: [b, 4] }
  const got = (await evaluate({ y }, { ...tensors, index })).y!.data

  const row = (data: Float32Array, i: number) => data.subarray(i * s * d, (i + 1) * s * d)
  for (const [i, extra] of [
    [0, 4],
    [1, null],
  ] as const) {
    const own = (data: Float32Array) =>
      Float32Array.from([...row(data, i), ...(extra === null ? [] : data.subarray(extra * d, (extra + 1) * d))])
    const keys = own(tensors.k.data)
    const t = keys.length / d
    const plain = attention(input('q', [1, s, d]), input('k', [1, t, d]), input('v', [1, t, d]), heads)
    const want = await evaluate(
      { y: plain },
      {
        q: { data: row(tensors.q.data, i), shape: [1, s, d] },
        k: { data: keys, shape: [1, t, d] },
        v: { data: own(tensors.v.data), shape: [1, t, d] },
      },
    )
    assertClose(row(got, i), want.y!.data, 1e-6, `row ${i}`)
  }
})
