/** Layers under torch's parameter names: `weight` and `bias` below the given view. */
import { type ConvOptions, conv2d } from '../graph/conv.ts'
import * as matrix from '../graph/matmul.ts'
import * as normal from '../graph/norm.ts'
import { known, type Value } from '../graph/value.ts'
import { addConv, addLinear } from './lora.ts'
import type { Init, Weights } from './weights.ts'

export interface LayerOptions {
  bias?: boolean
  init?: Init
}

/** x[…,I] → [...,out]. */
export function linear(x: Value, w: Weights, out: number, { bias = true, init = 'fan-in' }: LayerOptions = {}): Value {
  const size = known(x.shape.at(-1), `${w.prefix} input width`)
  const y = matrix.linear(x, w.get('weight', [out, size], init), bias ? w.get('bias', [out], 'zeros') : null)
  return addLinear(y, x, w.lowRank('weight'))
}

/** x[N,C,H,W] → [N,out,H',W'] through a k×k kernel. */
export function conv(
  x: Value,
  w: Weights,
  out: number,
  k: 1 | 3,
  { init = 'fan-in', ...options }: ConvOptions & { init?: Init } = {},
): Value {
  const channels = known(x.shape[1], `${w.prefix} input channels`)
  const y = conv2d(x, w.get('weight', [out, channels, k, k], init), w.get('bias', [out], 'zeros'), options)
  return addConv(y, x, w.lowRank('weight'), options)
}

export function layerNorm(x: Value, w: Weights, epsilon = 1e-5): Value {
  const size = known(x.shape.at(-1), `${w.prefix} width`)
  return normal.layerNorm(x, w.get('weight', [size], 'ones'), w.get('bias', [size], 'zeros'), epsilon)
}

export function groupNorm(x: Value, w: Weights, groups: number, epsilon: number): Value {
  const channels = known(x.shape[1], `${w.prefix} channels`)
  return normal.groupNorm(x, w.get('weight', [channels], 'ones'), w.get('bias', [channels], 'zeros'), groups, epsilon)
}
