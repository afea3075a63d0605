/** Sampling: from noise to latents along a schedule, one model call a step, under the caller's control. */
import { initialState, type Schedule, type State } from './schedulers/schedule.ts'

/** The model's output for latents `x` of all frames, as shown by the schedule, at `timestep`. */
export type Denoise = (x: Float32Array, timestep: number, step: number) => Promise<Float32Array>

export interface SampleOptions {
  schedule: Schedule
  denoise: Denoise
  /** Unit noise of all frames; the sampler scales it. */
  noise: Float32Array
  /** Unit noise for step `i`, for schedules that draw it. */
  stepNoise?: (i: number) => Float32Array
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
  const { schedule, denoise, noise, stepNoise } = options
  const steps = schedule.timesteps.length
  let x: Float32Array = noise.map((value) => value * schedule.initNoiseSigma)
  let state: State = initialState
  for (const [i, timestep] of schedule.timesteps.entries()) {
    const output = await denoise(schedule.scaleInput(x, i), timestep, i)
    const step = schedule.step(x, output, i, state, schedule.drawsNoise ? stepNoise?.(i) : undefined)
    x = step.x
    state = step.state
    yield { step: i + 1, steps, x, denoised: step.denoised }
  }
}

/** Classifier-free guidance over outputs [unconditional | conditional]: free + scale · (conditional − free). */
export function guide(both: Float32Array, scale: number): Float32Array {
  const half = both.length / 2
  const out = new Float32Array(half)
  for (let i = 0; i < half; i++) out[i] = both[i]! + scale * (both[half + i]! - both[i]!)
  return out
}
