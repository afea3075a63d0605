/** Sampling: from noise to latents along a schedule, one model call a step, under the caller's control. */
import { initialState, type Schedule, type State } from './schedulers/schedule.ts'

/** The model's output for latents `x` of all frames, as shown by the schedule, at `timestep`; steps count from 0. */
export type Denoise = (x: Float32Array, timestep: number, step: number) => Promise<Float32Array>

export interface SampleOptions {
  schedule: Schedule
  denoise: Denoise
  /** Unit noise of all frames; the sampler scales it. */
  noise: Float32Array
  /** Unit noise for step `i`, counted from the first one done, for schedules that draw it. */
  stepNoise?: (i: number) => Float32Array
  /** Image to image: begin with these clean latents, noised, at call `from` of the schedule. */
  start?: { clean: Float32Array; from: number } | undefined
}

export interface SampleStep {
  /** Steps done, from 1. */
  step: number
  steps: number
  /** Latents after this step; the last ones are the result. */
  x: Float32Array
  /** The clean latents as estimated at this step. */
  denoised: Float32Array
}

/** One value a step. Whoever stops reading stops the sampling. */
export async function* sample(options: SampleOptions): AsyncGenerator<SampleStep, void> {
  const { schedule, denoise, noise, stepNoise, start } = options
  const from = start?.from ?? 0
  const steps = schedule.timesteps.length - from
  let x: Float32Array = start
    ? schedule.addNoise(start.clean, noise, from)
    : noise.map((value) => value * schedule.initNoiseSigma)
  let state: State = initialState
  for (let step = 0; step < steps; step++) {
    const i = from + step
    const output = await denoise(schedule.scaleInput(x, i), schedule.timesteps[i]!, step)
    const next = schedule.step(x, output, i, state, schedule.drawsNoise ? stepNoise?.(step) : undefined)
    x = next.x
    state = next.state
    yield { step: step + 1, steps, x, denoised: next.denoised }
  }
}

/** Classifier-free guidance over outputs [unconditional | conditional]: free + scale · (conditional − free). */
export function guide(both: Float32Array, scale: number): Float32Array {
  const half = both.length / 2
  const out = new Float32Array(half)
  for (let i = 0; i < half; i++) out[i] = both[i]! + scale * (both[half + i]! - both[i]!)
  return out
}

/**
 * Guided outputs of `count` samples, brought part of the way, `amount` of 0 … 1, to the deviation that the conditional
 * ones have (arXiv:2305.08891, section 3.4). `both` is what `guide` was given.
 */
export function rescaled(guided: Float32Array, both: Float32Array, count: number, amount: number): Float32Array {
  if (amount === 0) return guided
  const size = guided.length / count
  const out = new Float32Array(guided.length)
  for (let start = 0; start < out.length; start += size) {
    const own = guided.subarray(start, start + size)
    const conditional = both.subarray(guided.length + start, guided.length + start + size)
    const factor = amount * (deviation(conditional) / deviation(own)) + 1 - amount
    out.set(
      own.map((value) => value * factor),
      start,
    )
  }
  return out
}

function deviation(values: Float32Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))
}
