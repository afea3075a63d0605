/** AdamW (Loshchilov and Hutter 2019) with an exponential moving average of the weights, in one pass over memory. */
import type { ParameterData, Share } from './parameters.ts'

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

/** What an update reads and writes, element by element; all of one length. */
export interface AdamBuffers {
  readonly p: Float32Array
  readonly m: Float32Array
  readonly v: Float32Array
  readonly ema: Float32Array
}

/** The numbers of one step that all elements share. */
export interface AdamRates {
  readonly beta1: number
  readonly beta2: number
  readonly epsilon: number
  /** Gradients with a larger global norm are scaled down to it. */
  readonly clip: number
  /** Gradients are multiplied with this. */
  readonly factor: number
  /** Learning rate with both bias corrections in it. */
  readonly rate: number
  /** What weight decay leaves of a matrix or kernel; biases and gains do not decay. */
  readonly shrink: number
  readonly emaDecay: number
}

export function adamState(data: ParameterData): AdamState {
  const zeros = () => new Float32Array(new SharedArrayBuffer(data.flat.byteLength))
  const ema = zeros()
  ema.set(data.flat)
  return { step: 0, m: zeros(), v: zeros(), ema }
}

/** The numbers of the step after `done` others. */
export function adamRates(done: number, learningRate: number, options: AdamOptions = {}): AdamRates {
  const { beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, weightDecay = 0.01, clip = 1, emaDecay = 0.999 } = options
  const step = done + 1
  return {
    beta1,
    beta2,
    epsilon,
    clip,
    factor: 1,
    rate: (learningRate * Math.sqrt(1 - beta2 ** step)) / (1 - beta1 ** step),
    shrink: 1 - learningRate * weightDecay,
    // While the run is young its average is short: a long one would hold on to the first random weights.
    emaDecay: Math.min(emaDecay, (1 + step) / (10 + step)),
  }
}

/** `rates` for a gradient that is the sum over `pieces`, whose mean has the length `norm`. */
export function clipped(rates: AdamRates, norm: number, pieces: number): AdamRates {
  return { ...rates, factor: (norm > rates.clip ? rates.clip / norm : 1) / pieces }
}

/** Move one parameter, `share` of the buffers, by its gradient. */
export function updateShare(buffers: AdamBuffers, share: Share, gradient: Float32Array, rates: AdamRates): void {
  const { p, m, v, ema } = buffers
  const { beta1, beta2, epsilon, factor, rate, emaDecay } = rates
  const shrink = share.decays ? rates.shrink : 1
  for (let i = 0, at = share.at; i < gradient.length; i++, at++) {
    const g = gradient[i]! * factor
    const mean = m[at]! + (1 - beta1) * (g - m[at]!)
    const square = v[at]! + (1 - beta2) * (g * g - v[at]!)
    const x = p[at]! * shrink - (rate * mean) / (Math.sqrt(square) + epsilon)
    m[at] = mean
    v[at] = square
    p[at] = x
    ema[at] = x + emaDecay * (ema[at]! - x)
  }
}

export function addInto(sum: Float32Array, more: Float32Array): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!
}

export function sumOfSquares(values: Float32Array): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]! * values[i]!
  return total
}
