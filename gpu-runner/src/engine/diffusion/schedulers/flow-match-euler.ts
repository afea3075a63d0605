/** Euler steps along a rectified flow, whose model predicts the velocity noise − clean. */

import { z } from 'zod'
import { exponential, karras, linspace, Off, TrainTimesteps, withEnd } from './noise-levels.ts'
import { combine, type Schedule, ScheduleError, type State } from './schedule.ts'

export const FlowMatchEulerConfig = z.object({
  num_train_timesteps: TrainTimesteps,
  /** Above 1, more of the steps are spent at high noise. */
  shift: z.number().positive().default(1),
  shift_terminal: z.number().nullish(),
  use_dynamic_shifting: z.boolean().default(false),
  use_karras_sigmas: z.boolean().nullish(),
  use_exponential_sigmas: z.boolean().nullish(),
  use_beta_sigmas: Off,
  invert_sigmas: Off,
  stochastic_sampling: Off,
})

/** `mu` is the logarithm of the shift for configurations that choose it by image size. */
export function flowMatchEuler(config: z.infer<typeof FlowMatchEulerConfig>, n: number, mu?: number): Schedule {
  const count = config.num_train_timesteps
  const sigmas = flowSigmas(config, n, mu)
  return {
    timesteps: sigmas.slice(0, n).map((sigma) => Math.fround(sigma * count)),
    initNoiseSigma: 1,
    drawsNoise: false,
    scaleInput: (x) => x,
    step: (x, velocity, i, state: State) => ({
      x: combine([1, x], [sigmas[i + 1]! - sigmas[i]!, velocity]),
      denoised: combine([1, x], [-sigmas[i]!, velocity]),
      state,
    }),
    addNoise: (clean, noise, i) => combine([1 - sigmas[i]!, clean], [sigmas[i]!, noise]),
  }
}

function flowSigmas(config: z.infer<typeof FlowMatchEulerConfig>, n: number, mu: number | undefined): Float64Array {
  const { use_dynamic_shifting: dynamic, shift_terminal: terminal } = config
  if (dynamic && mu === undefined)
    throw new ScheduleError('use_dynamic_shifting needs mu, the shift for the image size')
  const shift = dynamic ? Math.exp(mu!) : config.shift
  const shifted = (sigma: number) => (shift * sigma) / (1 + (shift - 1) * sigma)
  // The lowest level is shifted here and again below, as in diffusers, which keeps it in float32 in between.
  const lowest = 1 / config.num_train_timesteps
  const last = Math.fround(dynamic ? lowest : shifted(Math.fround(lowest)))
  let sigmas: Float64Array = linspace(1, last, n).map(shifted)
  if (terminal) {
    const scale = (1 - sigmas.at(-1)!) / (1 - terminal)
    sigmas = sigmas.map((sigma) => 1 - (1 - sigma) / scale)
  }
  if (config.use_karras_sigmas) sigmas = karras(sigmas[0]!, sigmas.at(-1)!, n)
  else if (config.use_exponential_sigmas) sigmas = exponential(sigmas[0]!, sigmas.at(-1)!, n)
  return withEnd(sigmas, 0)
}
