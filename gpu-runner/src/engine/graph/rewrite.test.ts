import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, evaluate, randn } from '../../../../test/gradient.ts'
import { cos, exp, sin, square } from './arithmetic.ts'
import { attention } from './attention.ts'
import { matmul } from './matmul.ts'
import { groupNorm, layerNorm } from './norm.ts'
import { inOrder } from './onnx.ts'
import { centredLayerNorm, exactAngle, portableAttention, portableInstanceNorm, portableMatmul } from './portable.ts'
import { type Rewrite, rewrite } from './rewrite.ts'
import { input, type Node, output, type Value } from './value.ts'

const heads = 2
const inputs = (...shapes: (string | number)[][]) =>
  shapes.map((shape, i) => input('qkv'[i]!, shape)) as [Value, Value, Value]

test('portable attention computes what the fused kernel does: plain, biased, narrower values, sizes known at run time', async () => {
  const feeds = { q: randn([2, 5, 8], 1), k: randn([2, 7, 8], 2), v: randn([2, 7, 8], 3) }
  const [q, k, v] = inputs(['batch', 'pixels', 8], ['batch', 'tokens', 8], ['batch', 'tokens', 8])
  await same(attention(q, k, v, heads), 'MultiHeadAttention', portableAttention, feeds)
  const bias = { bias: randn([1, 1, 5, 7], 4) }
  const biased = attention(q, k, v, heads, input('bias', [1, 1, 'pixels', 'tokens']))
  await same(biased, 'MultiHeadAttention', portableAttention, { ...feeds, ...bias })

  const [, some, numbered] = inputs([1], [2, 'tokens', 8], [2, 'tokens', 8])
  await same(attention(q, some, numbered, heads), 'MultiHeadAttention', portableAttention, feeds)
  const narrow = { ...feeds, v: randn([2, 7, 4], 5) }
  const [, , less] = inputs([1], [1], ['batch', 'tokens', 4])
  await same(attention(q, k, less, heads), 'MultiHeadAttention', portableAttention, narrow)
})

test('portable matrix products take transposed operands and a factor', async () => {
  const feeds = { q: randn([2, 3, 4], 1), k: randn([2, 5, 3], 2) }
  const [q, k] = inputs([2, 3, 4], [2, 5, 3])
  await same(matmul(q, k, { transA: true, transB: true, alpha: 0.3 }), 'FusedMatMul', portableMatmul, feeds)
})

test('sine and cosine of large angles are right to the last digits', async () => {
  const q = { data: Float32Array.from({ length: 99 }, (_, i) => i * 10.3), shape: [99] }
  for (const [op, f] of [
    ['Sin', sin],
    ['Cos', cos],
  ] as const) {
    const y = rewrite({ y: f(input('q', [99])) }, (made) => (made.op === op ? exactAngle(made) : null))
    const want = q.data.map((x) => (op === 'Sin' ? Math.sin(x) : Math.cos(x)))
    assertClose((await evaluate(y, { q })).y!.data, want, 1e-7)
  }
})

test('what depends on a replaced node follows it, later outputs and all; the rest of the graph is shared', async () => {
  const x = input('q', [2, 4])
  const before = exp(x)
  const y = layerNorm(sin(before), input('g', [4]), input('b', [4]))
  const outputs = { y, deviation: output(y, 2), before, x }
  const swapped = rewrite(outputs, (made) => (made.op === 'Sin' ? square(made.inputs[0]!) : null))
  assert.equal(swapped.before, before)
  assert.equal(swapped.x, x)
  assert.ok(inOrder(Object.values(swapped)).every(({ op }) => op !== 'Sin'))
  const wanted = layerNorm(square(before), input('g', [4]), input('b', [4]))
  const feeds = { q: randn([2, 4]), g: randn([4], 2), b: randn([4], 3) }
  const got = await evaluate(swapped, feeds)
  const want = await evaluate({ y: wanted, deviation: output(wanted, 2) }, feeds)
  for (const name of ['y', 'deviation']) assertClose(got[name]!.data, want[name]!.data, 1e-7, name)
})

test('portable normalisation: values far from zero lose no digits, and every epsilon counts', async () => {
  for (const [mean, deviation, epsilon] of [
    [0, 1, 1e-5],
    [50, 0.01, 1e-5],
    [0, 1e-3, 1e-6],
  ] as const) {
    const q = randn([2, 8, 3, 5])
    const feeds = {
      q: { shape: q.shape, data: q.data.map((x) => mean + deviation * x) },
      k: randn([8], 2),
      v: randn([8], 3),
    }
    const [x, g, b] = inputs(['batch', 8, 'height', 'width'], [8], [8])
    const group = groupNorm(x, g, b, 2, epsilon)
    await same(group, 'InstanceNormalization', portableInstanceNorm, feeds, 1e-3)
    const rows = { ...feeds, q: { shape: [2, 15, 8], data: feeds.q.data } }
    const swapped = rewrite({ y: layerNorm(input('q', [2, 15, 8]), g, b, epsilon) }, (made) =>
      made.op === 'LayerNormalization' ? centredLayerNorm(made) : null,
    )
    assert.ok(inOrder(Object.values(swapped)).some(({ op }) => op === 'Sub'))
    const want = await evaluate({ y: layerNorm(input('q', [2, 15, 8]), g, b, epsilon) }, rows)
    assertClose((await evaluate(swapped, rows)).y!.data, want.y!.data, 1e-3)
  }
})

test('an operand or attribute that is not there is named', () => {
  const y = attention(...inputs([1, 2, 4], [1, 3, 4], [1, 3, 4]), heads)
  const [made] = inOrder([y]) as [Node]
  const padded = { ...made, inputs: [...made.inputs.slice(0, 4), input('padding', [1]), null] }
  assert.throws(() => portableAttention(padded), /knows heads and a bias of the scores, and no more/)
  const plain = { ...made, op: 'FusedMatMul', inputs: inputs([2, 3], [3, 2], []) }
  assert.throws(() => portableMatmul(plain), /FusedMatMul: no 'alpha' is given/)
  assert.throws(() => portableMatmul({ ...made, inputs: [null] }), /2 operands are needed, not 0/)
})

async function same(
  y: Value,
  op: string,
  form: Exclude<Rewrite, null>,
  feeds: Parameters<typeof evaluate>[1],
  tolerance = 1e-6,
) {
  const portable = rewrite({ y }, (made) => (made.op === op ? form(made) : null))
  assert.ok(
    inOrder(Object.values(portable)).every((made) => made.op !== op),
    `${op} is still there`,
  )
  const [got, want] = [await evaluate(portable, feeds), await evaluate({ y }, feeds)]
  assert.deepEqual(got.y!.shape, want.y!.shape)
  assertClose(got.y!.data, want.y!.data, tolerance)
}
