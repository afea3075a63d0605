/** AdamW (Loshchilov and Hutter 2019) with an exponential moving average of the weights, in one pass over memory. */
import type { Parameter, ParameterData } from './parameters.ts'

export interface AdamOptions {
  beta1?: number
  beta2?: number
  epsilon?: number
  weightDecay?: number
  /** Gradients with a larger global norm are scaled down to it. */
  clip?: number
  emaDecay?: number
}

export interface AdamState {
  step: number
  readonly m: Float32Array
  readonly v: Float32Array
  readonly ema: Float32Array
}

export function adamState(data: ParameterData): AdamState {
  const size = data.flat.length
  return { step: 0, m: new Float32Array(size), v: new Float32Array(size), ema: data.flat.slice() }
}

/** One update of `data` in place from gradients by name; returns the global norm of the gradients before clipping. */
export function adamStep(
  parameters: readonly Parameter[],
  data: ParameterData,
  state: AdamState,
  gradient: (name: string) => Float32Array,
  learningRate: number,
  options: AdamOptions = {},
): number {
  const { beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, weightDecay = 0.01, clip = 1, emaDecay = 0.999 } = options
  let squares = 0
  for (const { name } of parameters) squares += sumOfSquares(gradient(name))
  const norm = Math.sqrt(squares)
  if (!Number.isFinite(norm)) throw new RangeError(`adamStep: the gradient is not finite at step ${state.step}`)
  state.step++
  const factor = norm > clip ? clip / norm : 1
  const rate = (learningRate * Math.sqrt(1 - beta2 ** state.step)) / (1 - beta1 ** state.step)
  // While the run is young its average is short: a long one would hold on to the first random weights.
  const decay = Math.min(emaDecay, (1 + state.step) / (10 + state.step))
  const { m, v, ema } = state
  const p = data.flat
  let at = 0
  for (const { name, shape } of parameters) {
    const grads = gradient(name)
    const shrink = shape.length > 1 ? 1 - learningRate * weightDecay : 1
    for (let i = 0; i < grads.length; i++, at++) {
      const g = grads[i]! * factor
      const mean = m[at]! + (1 - beta1) * (g - m[at]!)
      const square = v[at]! + (1 - beta2) * (g * g - v[at]!)
      const x = p[at]! * shrink - (rate * mean) / (Math.sqrt(square) + epsilon)
      m[at] = mean
      v[at] = square
      p[at] = x
      ema[at] = x + decay * (ema[at]! - x)
    }
  }
  return norm
}

function sumOfSquares(values: Float32Array): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]! * values[i]!
  return total
}
