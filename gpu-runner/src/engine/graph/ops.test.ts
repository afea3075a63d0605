import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose, checkGradient, evaluate, randn } from '../../../../test/gradient.ts'
import * as act from './activation.ts'
import * as a from './arithmetic.ts'
import { attend, attention, attentionProbabilities } from './attention.ts'
import { gradients } from './backward.ts'
import { conv2d } from './conv.ts'
import { embedding, linear, matmul } from './matmul.ts'
import { groupNorm, layerNorm } from './norm.ts'
import { largest, logSumExp, mean, meanSquare, smallest, sum } from './reduce.ts'
import * as s from './shape.ts'
import { input, type Value } from './value.ts'

const positive = { map: (x: number) => Math.abs(x) + 0.5 }
const shape = [2, 3, 4]

const elementwise: Record<string, [(...x: Value[]) => Value, number[][], { map?: (x: number) => number }?]> = {
  'add broadcasts both ways': [
    a.add,
    [
      [2, 1, 4],
      [3, 1],
    ],
  ],
  sub: [a.sub, [shape, [4]]],
  mul: [a.mul, [shape, [3, 1]]],
  div: [a.div, [shape, shape], positive],
  neg: [a.neg, [shape]],
  sqrt: [a.sqrt, [shape], positive],
  exp: [a.exp, [shape]],
  log: [a.log, [shape], positive],
  sin: [a.sin, [shape]],
  cos: [a.cos, [shape]],
  abs: [a.abs, [shape], positive],
  'clip inside its bounds': [(x) => a.clip(x, -50, 50), [shape]],
  sigmoid: [act.sigmoid, [shape]],
  silu: [act.silu, [shape]],
  gelu: [act.gelu, [shape]],
  quickGelu: [act.quickGelu, [shape]],
  geglu: [act.geglu, [[2, 3, 8]]],
  softmax: [act.softmax, [shape]],
  softplus: [act.softplus, [shape]],
  tanh: [act.tanh, [shape]],
  relu: [act.relu, [shape], positive],
  sum: [(x) => sum(x, [1]), [shape]],
  mean: [(x) => mean(x, [0, 2]), [shape]],
  meanSquare: [(x) => meanSquare(x), [shape]],
  logSumExp: [logSumExp, [shape]],
  transpose: [(x) => s.transpose(x, [2, 0, 1]), [shape]],
  reshape: [(x) => s.reshape(x, [6, 4]), [shape]],
  concat: [(x, y) => s.concat([x, y], 1), [shape, [2, 5, 4]]],
  slice: [(x) => s.slice(x, 2, 1, 3), [shape]],
  pad: [(x) => s.pad(x, 1, 2, 1), [shape]],
  pad2d: [(x) => s.pad2d(x, [0, 1, 2, 3]), [[1, 2, 3, 4]]],
  upsample2x: [(x) => s.upsample2x(x), [[2, 3, 2, 4]]],
  averagePool2x: [(x) => s.averagePool2x(x), [[2, 3, 4, 6]]],
  'toTokens and toImage': [(x) => s.toImage(a.mul(s.toTokens(x), s.toTokens(x)), x), [[2, 3, 4, 5]]],
  matmul: [
    (x, y) => matmul(x, y),
    [
      [2, 3, 4],
      [2, 4, 5],
    ],
  ],
  'matmul, shared matrix': [
    (x, y) => matmul(x, y),
    [
      [2, 3, 4],
      [4, 5],
    ],
  ],
  'matmul, transA': [
    (x, y) => matmul(x, y, { transA: true, alpha: 0.3 }),
    [
      [2, 4, 3],
      [2, 4, 5],
    ],
  ],
  'matmul, transB': [
    (x, y) => matmul(x, y, { transB: true, alpha: 2 }),
    [
      [2, 3, 4],
      [2, 5, 4],
    ],
  ],
  'matmul, both': [
    (x, y) => matmul(x, y, { transA: true, transB: true }),
    [
      [2, 4, 3],
      [2, 5, 4],
    ],
  ],
  linear: [(x, w, b) => linear(x, w, b), [[2, 3, 4], [5, 4], [5]]],
  layerNorm: [(x, g, b) => layerNorm(x, g, b), [[2, 3, 8], [8], [8]]],
  groupNorm: [(x, g, b) => groupNorm(x, g, b, 2, 1e-5), [[2, 4, 3, 3], [4], [4]]],
  'conv2d 3×3': [(x, w, b) => conv2d(x, w, b), [[2, 3, 5, 4], [4, 3, 3, 3], [4]]],
  'conv2d 1×1': [(x, w, b) => conv2d(x, w, b), [[2, 3, 5, 4], [4, 3, 1, 1], [4]]],
  'conv2d strided, even': [
    (x, w) => conv2d(x, w, null, { stride: 2 }),
    [
      [2, 3, 6, 4],
      [4, 3, 3, 3],
    ],
  ],
  'conv2d strided, odd': [
    (x, w) => conv2d(x, w, null, { stride: 2 }),
    [
      [2, 3, 5, 7],
      [4, 3, 3, 3],
    ],
  ],
  'conv2d strided, padded below': [
    (x, w) => conv2d(x, w, null, { stride: 2, pads: [0, 0, 1, 1] }),
    [
      [2, 3, 6, 4],
      [4, 3, 3, 3],
    ],
  ],
  attention: [
    (q, k, v) => attention(q, k, v, 2),
    [
      [2, 5, 8],
      [2, 3, 8],
      [2, 3, 8],
    ],
  ],
  'attention with bias': [
    (q, k, v, bias) => attention(q, k, v, 2, bias),
    [
      [2, 5, 8],
      [2, 3, 8],
      [2, 3, 8],
      [2, 2, 5, 3],
    ],
  ],
  attend: [
    (scores, v) => attend(scores, v),
    [
      [2, 3, 5, 4],
      [2, 3, 4, 6],
    ],
  ],
  attentionProbabilities: [
    (q, k) => attentionProbabilities(q, k, 2),
    [
      [2, 5, 8],
      [2, 3, 8],
    ],
  ],
}

for (const [name, [f, shapes, options]] of Object.entries(elementwise))
  test(`${name}: gradients agree with finite differences`, () => checkGradient(f, shapes, options))

test('embedding: rows by id, and the gradient of a row used twice is the sum', async () => {
  const table = input('table', [5, 3])
  const ids = input('ids', [2, 2], 'int64')
  const y = embedding(table, ids)
  const [grad] = gradients(sum(a.mul(y, input('dy', [2, 2, 3]))), [table])
  const dy = randn([2, 2, 3])
  const feeds = { table: randn([5, 3]), ids: { data: BigInt64Array.of(4n, 1n, 4n, 0n), shape: [2, 2] }, dy }
  const got = await evaluate({ y, grad: grad! }, feeds)
  assertClose(got.y!.data.slice(0, 3), feeds.table.data.slice(12), 0)
  const twice = [0, 1, 2].map((i) => dy.data[i]! + dy.data[6 + i]!)
  assertClose(got.grad!.data.slice(12), twice, 1e-6)
  assertClose(got.grad!.data.slice(6, 9), [0, 0, 0], 0)
})

test('a value used twice gets the sum of both gradients, and an unused one none', async () => {
  const [x, unused] = [input('x', [3]), input('unused', [3])]
  const [dx, none] = gradients(sum(a.mul(a.add(x, x), x)), [x, unused])
  assert.equal(none, null)
  const got = await evaluate({ dx: dx! }, { x: { data: Float32Array.of(1, -2, 3), shape: [3] } })
  assertClose(got.dx!.data, [4, -8, 12], 1e-6)
})

test('detached values and extremes are constants as far as gradients go', async () => {
  const x = input('x', [3])
  const stretched = a.sub(x, smallest(x, [0]))
  const [dx] = gradients(sum(a.mul(stretched, a.detach(largest(stretched, [0])))), [x])
  const got = await evaluate({ stretched, dx: dx! }, { x: { data: Float32Array.of(1, -2, 3), shape: [3] } })
  assertClose(got.stretched!.data, [3, 0, 5], 0)
  assertClose(got.dx!.data, [5, 5, 5], 0)
  assert.throws(() => s.averagePool2x(input('x', [1, 1, 3, 4])), /\[1,1,3,4\] has an odd side/)
})

test('one graph runs at several batch sizes and picture sizes', async () => {
  const x = input('x', ['batch', 2, 'height', 'width'])
  const down = conv2d(x, input('w', [4, 2, 3, 3]), null, { stride: 2 })
  const y = conv2d(
    s.upsample2x(s.toImage(s.toTokens(groupNorm(down, input('g', [4]), input('b', [4]), 2, 1e-5)), down), x),
    input('w2', [3, 4, 3, 3]),
  )
  assert.deepEqual(y.shape, ['batch', 3, 'height', 'width'])
  for (const size of [
    [1, 4, 6],
    [3, 5, 7],
  ]) {
    const [n, h, w] = size as [number, number, number]
    const feeds = {
      x: randn([n, 2, h, w]),
      w: randn([4, 2, 3, 3]),
      w2: randn([3, 4, 3, 3]),
      g: randn([4]),
      b: randn([4]),
    }
    assert.deepEqual((await evaluate({ y }, feeds)).y!.shape, [n, 3, h, w])
  }
})

test('shapes that do not fit are refused with the values seen', () => {
  assert.throws(() => conv2d(input('x', [1, 3, 4, 4]), input('w', [8, 4, 3, 3])), /x has 3 channels, w takes 4/)
  assert.throws(() => matmul(input('x', [2, 3]), input('y', [4, 5])), /\[2,3\] and \[4,5\]/)
  assert.throws(() => a.add(input('x', [2, 3]), input('y', [4])), /do not broadcast/)
  assert.throws(() => gradients(input('x', [2]), []), /loss has shape \[2\]/)
})
