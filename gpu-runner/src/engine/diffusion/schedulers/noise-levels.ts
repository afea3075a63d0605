/**
 * Noise levels of the samplers: betas, cumulated alphas, sigmas, and the timesteps picked from them.
 *
 * Levels are rounded to float32 after each operation, as diffusers does: rounded timesteps and the last levels of
 * rescaled betas depend on it.
 */

import { z } from 'zod'
import { ScheduleError } from './schedule.ts'

const round = Math.fround

/** Tables are as long as this. */
export const TrainTimesteps = z.int().min(1).max(100_000).default(1000)

/** Keys that all samplers with trained betas share. Samplers differ in defaults. */
export const Betas = z.object({
  num_train_timesteps: TrainTimesteps,
  beta_start: z.number().default(0.0001),
  beta_end: z.number().default(0.02),
  beta_schedule: z.enum(['linear', 'scaled_linear', 'squaredcos_cap_v2']).default('linear'),
  trained_betas: z.array(z.number()).nullish(),
  rescale_betas_zero_snr: z.boolean().default(false),
  steps_offset: z.int().min(0).default(0),
  prediction_type: z.enum(['epsilon', 'sample', 'v_prediction']).default('epsilon'),
})

export const Spacing = z.enum(['linspace', 'leading', 'trailing'])
export type Spacing = z.infer<typeof Spacing>

/** A feature that is not supported must be off. */
export const Off = z.union([z.literal(false), z.null()], { error: 'is not supported, so it must be false' }).optional()

/** alpha² for each training timestep: the share of the clean latent's variance. */
export function cumulatedAlphas(config: z.infer<typeof Betas>): Float32Array {
  let alphas: Float32Array = trainedBetas(config).map((beta) => 1 - beta)
  if (config.rescale_betas_zero_snr) alphas = rescaleToZeroSnr(alphas)
  const shares = cumulativeProduct(alphas)
  const wrong = shares.findIndex((share) => !(share >= 0 && share <= 1))
  if (wrong >= 0)
    throw new ScheduleError(`the betas leave ${shares[wrong]} of the picture at timestep ${wrong}, not 0 … 1`)
  return shares
}

/** Noise per unit of clean latent for each training timestep; the last level of rescaled betas stays finite. */
export function trainingSigmas(config: z.infer<typeof Betas>): Float32Array {
  const alphas = cumulatedAlphas(config)
  // The smallest subnormal half, as diffusers has it.
  if (config.rescale_betas_zero_snr) alphas[alphas.length - 1] = 2 ** -24
  return alphas.map((alpha) => round(Math.sqrt(round(round(1 - alpha) / alpha))))
}

/**
 * `n` of `count` training timesteps, descending; 'linspace' gives fractions. See table 2 of arXiv:2305.08891.
 *
 * Every value is rounded as numpy rounds it. At 62 of the counts up to 1000, 61 the lowest, numpy's 'trailing' has a
 * value too many: its step is rounded, so a rest of 1e-13 counts as one more step, at timestep −1. It is left out.
 */
export function spaced(spacing: Spacing, count: number, n: number, offset: number): Float64Array {
  switch (spacing) {
    case 'linspace':
      return linspace(0, count - 1, n).reverse()
    case 'leading':
      return Float64Array.from({ length: n }, (_, i) => (n - 1 - i) * Math.floor(count / n) + offset)
    case 'trailing': {
      // numpy.arange keeps its first two values and multiplies their difference.
      const step = count - (count - count / n)
      return Float64Array.from({ length: n }, (_, i) => roundHalfEven(count - i * step) - 1)
    }
  }
}

/** Whether numpy's 'trailing' ends in timestep −1. */
export const hasOneTooMany = (count: number, n: number) => Math.ceil(count / (count / n)) > n

/** As `spaced`, for solvers that reckon with `n` + 1 levels, the last of them the end. Whole timesteps. */
export function spacedBeforeEnd(spacing: Spacing, count: number, n: number, offset: number): Float64Array {
  const timesteps = spacing === 'trailing' ? spaced(spacing, count, n, 0) : spaced(spacing, count, n + 1, offset)
  return timesteps.slice(0, n).map(roundHalfEven)
}

/**
 * `timesteps`, all of which must be rows of the table of `count` levels. 'leading' with a `steps_offset` passes its end
 * when every row is asked for.
 */
export function inTable(timesteps: Float64Array, count: number): Float64Array {
  const outside = timesteps.find((t) => t >= count)
  if (outside === undefined) return timesteps
  throw new ScheduleError(`${timesteps.length} steps come to timestep ${outside}, and the last is ${count - 1}`)
}

/** `sigmas`, one for each training timestep, at fractional timesteps. */
export function sigmasAt(timesteps: Float64Array, sigmas: Float32Array): Float64Array {
  return timesteps.map((t) => {
    const below = Math.max(0, Math.min(sigmas.length - 1, Math.floor(t)))
    const [low, high] = [sigmas[below]!, sigmas[Math.min(sigmas.length - 1, below + 1)]!]
    return low + (high - low) * Math.max(0, Math.min(1, t - below))
  })
}

/** The fractional training timestep of each of `levels`, by interpolation in the logarithms of `sigmas`. */
export function timestepsOf(levels: Float64Array, sigmas: Float32Array): Float64Array {
  // In float32 as diffusers has them: whether a timestep is rounded up or down can depend on it.
  const logs = sigmas.map(Math.log)
  return levels.map((level) => {
    const log = Math.log(Math.max(level, 1e-10))
    const low = Math.max(0, Math.min(logs.length - 2, countUpTo(log, logs) - 1))
    const share = Math.max(0, Math.min(1, (logs[low]! - log) / round(logs[low]! - logs[low + 1]!)))
    return (1 - share) * low + share * (low + 1)
  })
}

/** How many of `ascending` are at most `value`. */
function countUpTo(value: number, ascending: Float32Array): number {
  let [from, to] = [0, ascending.length]
  while (from < to) {
    const middle = (from + to) >>> 1
    if (ascending[middle]! <= value) from = middle + 1
    else to = middle
  }
  return from
}

/** Levels of T. Karras et al. 2022 (arXiv:2206.00364), equation 5 with rho 7. */
export function karras(max: number, min: number, n: number): Float64Array {
  const [from, to] = [max ** (1 / 7), min ** (1 / 7)]
  return linspace(0, 1, n).map((share) => (from + share * (to - from)) ** 7)
}

export function exponential(max: number, min: number, n: number): Float64Array {
  return linspace(Math.log(max), Math.log(min), n).map(Math.exp)
}

/** As `exponential`, reckoned in float32. */
export function exponentialFloat32(max: number, min: number, n: number): Float64Array {
  return Float64Array.from(float32Linspace(Math.log(max), Math.log(min), n).map(Math.exp))
}

/** Both ends included; a single value is the first. The step is divided once and multiplied, as numpy does. */
export function linspace(from: number, to: number, n: number): Float64Array {
  const step = n > 1 ? (to - from) / (n - 1) : 0
  return Float64Array.from({ length: n }, (_, i) => (i > 0 && i === n - 1 ? to : i * step + from))
}

export function roundHalfEven(value: number): number {
  const floor = Math.floor(value)
  return value - floor === 0.5 ? floor + (floor % 2) : Math.round(value)
}

/** `sigmas` and the level after the last, in float32. */
export function withEnd(sigmas: Float64Array, end: number): Float64Array {
  return Float64Array.from([...sigmas, end], round)
}

function trainedBetas(config: z.infer<typeof Betas>): Float32Array {
  const { num_train_timesteps: count, beta_start: start, beta_end: end } = config
  if (config.trained_betas) {
    if (config.trained_betas.length === count) return Float32Array.from(config.trained_betas)
    throw new ScheduleError(`${config.trained_betas.length} trained_betas for ${count} num_train_timesteps`)
  }
  switch (config.beta_schedule) {
    case 'linear':
      return float32Linspace(start, end, count)
    case 'scaled_linear':
      return float32Linspace(Math.sqrt(start), Math.sqrt(end), count).map((root) => root * root)
    case 'squaredcos_cap_v2': {
      const alpha = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2
      return Float32Array.from({ length: count }, (_, i) =>
        Math.min(1 - alpha((i + 1) / count) / alpha(i / count), 0.999),
      )
    }
  }
}

/** As torch counts: up from the start in the first half, down from the end in the second. */
function float32Linspace(start: number, end: number, n: number): Float32Array {
  const [from, to] = [round(start), round(end)]
  const step = n > 1 ? round(round(to - from) / (n - 1)) : 0
  return Float32Array.from({ length: n }, (_, i) =>
    i < n / 2 ? from + round(step * i) : to - round(step * (n - 1 - i)),
  )
}

/** Shift and scale alpha so that the last timestep is noise alone. Algorithm 1 of arXiv:2305.08891. */
function rescaleToZeroSnr(alphas: Float32Array): Float32Array {
  const roots = cumulativeProduct(alphas).map(Math.sqrt)
  const [first, last] = [roots[0]!, roots.at(-1)!]
  const scale = round(first / round(first - last))
  const squares = roots.map((root) => round(round(root - last) * scale)).map((root) => root * root)
  return squares.map((square, i) => {
    const alpha = i === 0 ? square : round(square / squares[i - 1]!)
    // The way back through beta = 1 - alpha rounds as it does in diffusers.
    return 1 - round(1 - alpha)
  })
}

/** Multiplied in double precision and stored as float32. */
function cumulativeProduct(values: Float32Array): Float32Array {
  let product = 1
  return values.map((value) => (product *= value))
}
