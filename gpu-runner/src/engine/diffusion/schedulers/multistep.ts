/** What the solvers in log signal-to-noise ratio share: variance-preserving levels, whatever the spacing. */

import { z } from 'zod'
import {
  Betas,
  exponential,
  karras,
  linspace,
  Off,
  roundHalfEven,
  Spacing,
  sigmasAt,
  spacedBeforeEnd,
  timestepsOf,
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

/** Levels of C. Lu et al. 2022 (arXiv:2206.00927) are DPM-Solver's alone. */
type Config = z.infer<typeof MultistepConfig> & { use_lu_lambdas?: boolean | null | undefined }

/** x = alpha · clean + sigma · noise with alpha² + sigma² = 1; lambda is log(alpha / sigma), infinite without noise. */
export interface Level {
  readonly alpha: number
  readonly sigma: number
  readonly lambda: number
}

/**
 * Whole timesteps for `n` calls, and the `n` + 1 levels from the first to the end. `whole` is how the solver rounds the
 * timesteps of Karras' and Lu's levels.
 */
export function multistepLevels(config: Config, n: number, whole: (timestep: number) => number = roundHalfEven) {
  const training = trainingSigmas(config)
  const { sigmas, timesteps } = spread(config, training, n, whole)
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

function spread(config: Config, training: Float32Array, n: number, whole: (timestep: number) => number) {
  const [max, min] = [training.at(-1)!, training[0]!]
  if (config.use_karras_sigmas) {
    const sigmas = karras(max, min, n)
    return { sigmas, timesteps: timestepsOf(sigmas, training).map(whole) }
  }
  if (config.use_lu_lambdas) {
    const sigmas = linspace(Math.fround(Math.log(max)), Math.fround(Math.log(min)), n).map(Math.exp)
    return { sigmas, timesteps: timestepsOf(sigmas, training).map(whole) }
  }
  if (config.use_exponential_sigmas) {
    const sigmas = exponential(max, min, n)
    // Cut off rather than rounded, as in diffusers.
    return { sigmas, timesteps: timestepsOf(sigmas, training).map(Math.trunc) }
  }
  const timesteps = spacedBeforeEnd(config.timestep_spacing, config.num_train_timesteps, n, config.steps_offset)
  return { sigmas: sigmasAt(timesteps, training), timesteps }
}

/** From the noise per unit of clean latent. */
function levelOf(ratio: number): Level {
  const alpha = 1 / Math.sqrt(ratio ** 2 + 1)
  return { alpha, sigma: ratio * alpha, lambda: -Math.log(ratio) }
}
