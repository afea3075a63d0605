/** Sinusoidal embeddings of timesteps and sizes, and the two-layer network behind them. */
import { silu } from '../graph/activation.ts'
import { cos, mul, sin } from '../graph/arithmetic.ts'
import { concat, reshape } from '../graph/shape.ts'
import { constant, type Value } from '../graph/value.ts'
import { linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

/** t[N] → [N,size]: cosines, then sines, of t at frequencies 10000^(−i/half), as diffusers with flip_sin_to_cos. */
export function sinusoidal(t: Value, size: number, { flip = true, shift = 0 } = {}): Value {
  const half = size / 2
  const frequencies = Float32Array.from({ length: half }, (_, i) => 10000 ** (-i / (half - shift)))
  const angles = mul(reshape(t, [t.shape[0]!, 1]), constant(frequencies, [1, half]))
  return concat(flip ? [cos(angles), sin(angles)] : [sin(angles), cos(angles)], 1)
}

/** x[N,I] → [N,size]. */
export function timestepEmbedding(x: Value, w: Weights, size: number): Value {
  return linear(silu(linear(x, w.at('linear_1'), size)), w.at('linear_2'), size)
}
