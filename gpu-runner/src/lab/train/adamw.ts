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
  /** Gradients are multiplied with this, to clip them. */
  readonly factor: number
  /** Learning rate with both bias corrections in it. */
  readonly rate: number
  /** What weight decay leaves of a matrix or kernel; biases and gains do not decay. */
  readonly shrink: number
  readonly emaDecay: number
}

/** The gradient of one parameter, and where that lies in the buffers. */
export interface AdamShare {
  readonly at: number
  readonly decays: boolean
  readonly gradient: Float32Array
}

/** Does the last of a step's shares somewhere else, while the caller does the first. */
export interface AdamHelper {
  /** Take over shares from the end of the list; returns how many are left. */
  begin(shares: readonly AdamShare[]): number
  /** Sums of squares of the shares taken over, in their order. */
  squares(): ArrayLike<number>
  update(rates: AdamRates): void
  finish(): void
}

export function adamState(data: ParameterData): AdamState {
  const zeros = () => new Float32Array(new SharedArrayBuffer(data.flat.byteLength))
  const ema = zeros()
  ema.set(data.flat)
  return { step: 0, m: zeros(), v: zeros(), ema }
}

/** One update of `data` in place from gradients by name; returns the global norm of the gradients before clipping. */
export function adamStep(
  parameters: readonly Parameter[],
  data: ParameterData,
  state: AdamState,
  gradient: (name: string) => Float32Array,
  learningRate: number,
  options: AdamOptions = {},
  helper?: AdamHelper,
): number {
  const { beta1 = 0.9, beta2 = 0.99, epsilon = 1e-8, weightDecay = 0.01, clip = 1, emaDecay = 0.999 } = options
  let end = 0
  const shares = parameters.map(({ name, shape }): AdamShare => {
    const [at, values] = [end, gradient(name)]
    end += values.length
    return { at, decays: shape.length > 1, gradient: values }
  })
  const own = shares.slice(0, helper?.begin(shares))
  let squares = 0
  for (const share of own) squares += sumOfSquares(share.gradient)
  for (const sum of Array.from(helper?.squares() ?? [])) squares += sum
  const norm = Math.sqrt(squares)
  if (!Number.isFinite(norm)) throw new RangeError(`adamStep: the gradient is not finite at step ${state.step}`)
  state.step++
  const rates = {
    beta1,
    beta2,
    epsilon,
    factor: norm > clip ? clip / norm : 1,
    rate: (learningRate * Math.sqrt(1 - beta2 ** state.step)) / (1 - beta1 ** state.step),
    shrink: 1 - learningRate * weightDecay,
    // While the run is young its average is short: a long one would hold on to the first random weights.
    emaDecay: Math.min(emaDecay, (1 + state.step) / (10 + state.step)),
  }
  helper?.update(rates)
  for (const share of own) updateShare({ p: data.flat, ...state }, share, rates)
  helper?.finish()
  return norm
}

export function updateShare({ p, m, v, ema }: AdamBuffers, share: AdamShare, rates: AdamRates): void {
  const { gradient, decays } = share
  const { beta1, beta2, epsilon, factor, rate, emaDecay } = rates
  const shrink = decays ? rates.shrink : 1
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

export function sumOfSquares(values: Float32Array): number {
  let total = 0
  for (let i = 0; i < values.length; i++) total += values[i]! * values[i]!
  return total
}
