/**
 * Low-rank changes of weights (LoRA, arXiv:2106.09685), as a path parallel to each layer: x goes through both factors, and
 * what comes out is added. The weight itself stays in its file, shared and unchanged; adding the product of the factors
 * to it would take memory for every changed weight, and the time of all those sums when a session opens.
 */
import { add, scale } from '../graph/arithmetic.ts'
import { type ConvOptions, conv2d } from '../graph/conv.ts'
import { matmul } from '../graph/matmul.ts'
import { reshape } from '../graph/shape.ts'
import type { Value } from '../graph/value.ts'
import { type LowRank, viewOf, type Weights } from './weights.ts'

/** `w`, its layers changed by `changes`, under the full names of the weights. */
export function withLowRank(w: Weights, changes: ReadonlyMap<string, readonly LowRank[]>): Weights {
  return viewOf({ has: w.has, get: w.get, lowRank: (name) => changes.get(name) ?? [] })
}

/** `w`, some of its tensors replaced by what `changes` make of them, under their full names. */
export function withChanges(w: Weights, changes: ReadonlyMap<string, (weight: Value) => Value>): Weights {
  const made = new Map<string, Value>()
  return viewOf({
    has: w.has,
    get(name, shape, init) {
      const weight = w.get(name, shape, init)
      const change = changes.get(name)
      if (!change) return weight
      const value = made.get(name) ?? change(weight)
      made.set(name, value)
      return value
    },
    lowRank: w.lowRank,
  })
}

/** y[…,O], the output of a linear layer for x[…,I], with the changes of its weight. */
export function addLinear(y: Value, x: Value, changes: readonly LowRank[]): Value {
  return changes.reduce((sum, { up, down, factor }) => {
    const inner = matmul(x, matrix(down), { transB: true })
    return add(sum, matmul(inner, matrix(up), { transB: true, alpha: factor }))
  }, y)
}

/** y[N,O,H',W'], the output of a convolution for x[N,I,H,W], with the changes of its weight. */
export function addConv(y: Value, x: Value, changes: readonly LowRank[], options: ConvOptions): Value {
  return changes.reduce((sum, { up, down, factor }) => {
    const inner = conv2d(x, kernel(down), null, options)
    return add(sum, scale(conv2d(inner, kernel(up)), factor))
  }, y)
}

/** Files hold the factors of a linear layer as 1×1 convolutions too, and those of a 1×1 convolution as matrices. */
function matrix(factor: Value): Value {
  return factor.shape.length === 2 ? factor : reshape(factor, factor.shape.slice(0, 2))
}

function kernel(factor: Value): Value {
  return factor.shape.length === 4 ? factor : reshape(factor, [...factor.shape, 1, 1])
}
