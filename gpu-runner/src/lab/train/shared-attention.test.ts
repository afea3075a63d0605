import { test } from 'node:test'
import { assertClose, checkGradient, evaluate, randn, uniform } from '../../../../test/gradient.ts'
import { constant, input } from '../../engine/graph/value.ts'
import { setAttention, sharingBias, softMasks } from './shared-attention.ts'

/** Two sets of three frames with two characters on a grid of 2×2. */
const [g, n, c, s] = [2, 3, 2, 4]

function unit(shape: readonly number[], seed: number) {
  const next = uniform(seed)
  return { shape, data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, next) }
}

test('the bias is log(shared mask + 0.001) for pixels of other frames, 0 for own ones, and what is closed is closed', async () => {
  const [masks, closed] = [unit([g * n, c, 2, 2], 1), unit([g, n, n, s], 2)]
  const common = { ...unit([g * n, n, c], 3) }
  common.data = common.data.map(Math.round)
  closed.data = closed.data.map((x) => (x < 0.3 ? -1e4 : 0))
  const bias = sharingBias(input('m', masks.shape), input('common', common.shape), input('closed', closed.shape))
  const got = (await evaluate({ bias }, { m: masks, common, closed })).bias!.data
  const want = []
  for (let set = 0; set < g; set++)
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        for (let u = 0; u < s; u++) {
          let shared = 0
          for (let k = 0; k < c; k++)
            shared += common.data[((set * n + j) * n + i) * c + k]! * masks.data[((set * n + j) * c + k) * s + u]!
          want.push((i === j ? 0 : Math.log(shared + 1e-3)) + closed.data[((set * n + i) * n + j) * s + u]!)
        }
  assertClose(got, want, 1e-5)
})

test('attention over a set agrees with plain loops', async () => {
  const [heads, d] = [2, 6]
  const [q, k, v] = [1, 2, 3].map((seed) => randn([g * n, s, d], seed)) as [ReturnType<typeof randn>, never, never]
  const bias = randn([g, n, 1, n * s], 4)
  const y = setAttention(input('q', q.shape), input('k', q.shape), input('v', q.shape), heads, input('b', bias.shape))
  const got = (await evaluate({ y }, { q, k, v, b: bias })).y!.data
  const want = new Float32Array(got.length)
  const at = (x: { data: Float32Array }, row: number, e: number) => x.data[row * d + e]!
  for (let row = 0; row < g * n * s; row++) {
    const [set, frame] = [Math.floor(row / (n * s)), Math.floor(row / s) % n]
    for (let h = 0; h < heads; h++) {
      const scores = Array.from({ length: n * s }, (_, other) => {
        let dot = 0
        for (let e = h * 3; e < h * 3 + 3; e++) dot += at(q, row, e) * at(k, set * n * s + other, e)
        return Math.exp(dot / Math.sqrt(3) + bias.data[(set * n + frame) * n * s + other]!)
      })
      const total = scores.reduce((a, b) => a + b, 0)
      for (let e = h * 3; e < h * 3 + 3; e++)
        for (const [other, score] of scores.entries())
          want[row * d + e]! += (score / total) * at(v, set * n * s + other, e)
    }
  }
  assertClose(got, want, 1e-4)
})

for (const heads of [1, 2])
  test(`gradients of attention over a set agree with finite differences, that of the bias too: ${heads} heads`, () =>
    checkGradient(
      (q, k, v, bias) => setAttention(q, k, v, heads, bias),
      [
        [g * n, s, 6],
        [g * n, s, 6],
        [g * n, s, 6],
        [g, n, 1, n * s],
      ],
    ))

test('gradients reach the masks through the bias', () => {
  const [common, closed] = [new Float32Array(g * n * n * c).fill(1), new Float32Array(g * n * n * s)]
  return checkGradient(
    (masks) => sharingBias(masks, constant(common, [g * n, n, c]), constant(closed, [g, n, n, s])),
    [[g * n, c, 2, 2]],
    { map: (x) => Math.abs(x) + 0.5, step: 1e-3 },
  )
})

test('a map becomes σ(8(M̂ − θ)), θ between its means inside and outside of the true mask', async () => {
  const [fine, coarse, truth] = [unit([1, 1, 4, 4], 1), unit([1, 1, 2, 2], 2), unit([1, 1, 4, 4], 3)]
  const inputs = [input('a', fine.shape), input('b', coarse.shape), input('t', truth.shape)] as const
  const masks = softMasks([inputs[0], inputs[1]], inputs[2])
  const got = (await evaluate({ masks }, { a: fine, b: coarse, t: truth })).masks!.data
  const map = fine.data.map((x, p) => (x + coarse.data[2 * (p >> 3) + ((p % 4) >> 1)]!) / 2)
  const [low, high] = [Math.min(...map), Math.max(...map)]
  const stretched = map.map((x) => (x - low) / (high - low))
  const weighted = (w: (p: number) => number) => {
    let [sum, weight] = [0, 0]
    for (const [p, x] of stretched.entries()) {
      sum += w(p) * x
      weight += w(p)
    }
    return sum / weight
  }
  const theta = (weighted((p) => truth.data[p]!) + weighted((p) => 1 - truth.data[p]!)) / 2
  assertClose(
    got,
    stretched.map((x) => 1 / (1 + Math.exp(-8 * (x - theta)))),
    1e-4,
  )
})
