import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertClose } from '../../../../test/gradient.ts'
import { type AdamOptions, type AdamState, adamRates, adamState, clipped, sumOfSquares, updateShare } from './adamw.ts'
import { allocate, type ParameterData, ParameterSet, sharesOf } from './parameters.ts'

function oneMatrix(values: number[]) {
  const set = new ParameterSet()
  set.weights('').get('w', [1, values.length])
  const parameters = set.list()
  const data = allocate(parameters)
  data.flat.set(values)
  return data
}

/** One step of one parameter; returns the length of its gradient. */
function adamStep(data: ParameterData, state: AdamState, gradient: Float32Array, rate: number, options?: AdamOptions) {
  const norm = Math.sqrt(sumOfSquares(gradient))
  const rates = clipped(adamRates(state.step++, rate, options), norm, 1)
  updateShare({ p: data.flat, ...state }, sharesOf(data)[0]!, gradient, rates)
  return norm
}

test('two steps agree with the algorithm written out', () => {
  const data = oneMatrix([1, -2])
  const state = adamState(data)
  const grads = [Float32Array.of(0.1, -0.2), Float32Array.of(0.3, 0.05)]
  const [b1, b2, eps, decay, rate] = [0.9, 0.99, 1e-8, 0.01, 0.1]
  const [p, m, v] = [
    [1, -2],
    [0, 0],
    [0, 0],
  ]
  for (const [t, g] of grads.entries()) {
    adamStep(data, state, g, rate, {
      beta1: b1,
      beta2: b2,
      epsilon: eps,
      weightDecay: decay,
      clip: 10,
    })
    for (let i = 0; i < 2; i++) {
      m[i] = b1 * m[i]! + (1 - b1) * g[i]!
      v[i] = b2 * v[i]! + (1 - b2) * g[i]! ** 2
      const [mean, square] = [m[i]! / (1 - b1 ** (t + 1)), v[i]! / (1 - b2 ** (t + 1))]
      p[i] = p[i]! * (1 - rate * decay) - (rate * mean) / (Math.sqrt(square) + eps)
    }
  }
  assertClose(data.flat, p, 1e-5)
})

test('a gradient longer than the limit is shortened to it, and its own length is reported', () => {
  const data = oneMatrix([0, 0])
  const state = adamState(data)
  assert.ok(Math.abs(adamStep(data, state, Float32Array.of(3, 4), 0.1, { clip: 1 }) - 5) < 1e-6)
  assertClose(state.m, [0.06, 0.08], 1e-6)
})

test('the average follows at once while the run is young', () => {
  const data = oneMatrix([0])
  const state = adamState(data)
  for (let i = 0; i < 3; i++) adamStep(data, state, Float32Array.of(1), 0.1, { weightDecay: 0 })
  assert.ok(Math.abs(state.ema[0]! - data.flat[0]!) < 0.12, `${state.ema[0]} against ${data.flat[0]}`)
})
