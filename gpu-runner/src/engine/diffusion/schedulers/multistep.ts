/** What the solvers in log signal-to-noise ratio share: variance-preserving levels, whatever the spacing. */

import { z } from 'zod'
import {
  Betas,
  exponential,
  karras,
  Off,
  roundHalfEven,
  Spacing,
  sigmasAt,
  spacedBeforeEnd,
  timestepOf,
  trainingSigmas,
  withEnd,
} from './noise-levels.ts'
import { combine } from './schedule.ts'

export const MultistepConfig = Betas.extend({
  solver_order: z.int().min(1).max(3).default(2),
  lower_order_final: z.boolean().default(true),
  timestep_spacing: Spacing.default('linspace'),
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
  use_karras_sigmas: z.boolean().nullish(),
  use_exponential_sigmas: z.boolean().nullish(),
  use_beta_sigmas: Off,
  use_flow_sigmas: Off,
  thresholding: Off,
})

/** x = alpha · clean + sigma · noise with alpha² + sigma² = 1; lambda is log(alpha / sigma), infinite without noise. */
export interface Level {
  readonly alpha: number
  readonly sigma: number
  readonly lambda: number
}

/** Whole timesteps for `n` calls, and the `n` + 1 levels from the first to the end. */
export function multistepLevels(config: z.infer<typeof MultistepConfig>, n: number) {
  const training = trainingSigmas(config)
  let timesteps = spacedBeforeEnd(config.timestep_spacing, config.num_train_timesteps, n, config.steps_offset)
  let sigmas = sigmasAt(timesteps, training)
  if (config.use_karras_sigmas || config.use_exponential_sigmas) {
    sigmas = (config.use_karras_sigmas ? karras : exponential)(training.at(-1)!, training[0]!, n)
    timesteps = sigmas.map((sigma) => roundHalfEven(timestepOf(sigma, training)))
  }
  const levels = [...withEnd(sigmas, config.final_sigmas_type === 'zero' ? 0 : training[0]!)].map(levelOf)
  return {
    levels,
    /** These fields are the same in every schedule of this kind. */
    common: {
      timesteps,
      initNoiseSigma: 1,
      scaleInput: (x: Float32Array) => x,
      addNoise: (clean: Float32Array, noise: Float32Array, i: number) =>
        combine([levels[i]!.alpha, clean], [levels[i]!.sigma, noise]),
    },
  }
}

/** From the noise per unit of clean latent. */
function levelOf(ratio: number): Level {
  const alpha = 1 / Math.sqrt(ratio ** 2 + 1)
  return { alpha, sigma: ratio * alpha, lambda: -Math.log(ratio) }
}
