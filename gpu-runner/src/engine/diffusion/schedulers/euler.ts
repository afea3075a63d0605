/** Euler, Euler ancestral and Heun in the variance-exploding form of Karras et al. 2022: x = clean + sigma · noise. */

import { z } from 'zod'
import {
  Betas,
  exponential,
  exponentialFloat32,
  hasOneTooMany,
  karras,
  Off,
  Spacing,
  sigmasAt,
  spaced,
  timestepsOf,
  trainingSigmas,
  withEnd,
} from './noise-levels.ts'
import { combine, required, type Schedule, split } from './schedule.ts'

export const EulerConfig = Betas.extend({
  timestep_spacing: Spacing.default('linspace'),
  timestep_type: z.enum(['discrete', 'continuous']).default('discrete'),
  interpolation_type: z.enum(['linear', 'log_linear']).default('linear'),
  final_sigmas_type: z.enum(['zero', 'sigma_min']).default('zero'),
  use_karras_sigmas: z.boolean().nullish(),
  use_exponential_sigmas: z.boolean().nullish(),
  use_beta_sigmas: Off,
  sigma_min: z.number().positive().nullish(),
  sigma_max: z.number().positive().nullish(),
})

export const EulerAncestralConfig = Betas.extend({ timestep_spacing: Spacing.default('linspace') })

export const HeunConfig = Betas.extend({
  beta_start: z.number().default(0.00085),
  beta_end: z.number().default(0.012),
  timestep_spacing: Spacing.default('linspace'),
  use_karras_sigmas: z.boolean().nullish(),
  use_exponential_sigmas: z.boolean().nullish(),
  use_beta_sigmas: Off,
  clip_sample: Off,
})

export function euler(config: z.infer<typeof EulerConfig>, n: number): Schedule {
  const training = trainingSigmas(config)
  const levels = noiseLevels(config, training, n)
  const continuous = config.timestep_type === 'continuous' && config.prediction_type === 'v_prediction'
  const timesteps = continuous ? levels.sigmas.map((sigma) => 0.25 * Math.log(sigma)) : levels.timesteps
  const sigmas = withEnd(levels.sigmas, config.final_sigmas_type === 'zero' ? 0 : training[0]!)
  return {
    ...exploding(config, timesteps, sigmas),
    drawsNoise: false,
    step(x, modelOutput, i, state) {
      const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!]
      const denoised = denoise(config, x, modelOutput, sigma)
      return { x: combine([next / sigma, x], [1 - next / sigma, denoised]), denoised, state }
    },
  }
}

/** Steps below the next level and draws noise to come back up to it. */
export function eulerAncestral(config: z.infer<typeof EulerAncestralConfig>, n: number): Schedule {
  const training = trainingSigmas(config)
  const levels = noiseLevels(config, training, n)
  const sigmas = withEnd(levels.sigmas, 0)
  return {
    ...exploding(config, levels.timesteps, sigmas),
    drawsNoise: true,
    step(x, modelOutput, i, state, noise) {
      const [sigma, next] = [sigmas[i]!, sigmas[i + 1]!]
      const denoised = denoise(config, x, modelOutput, sigma)
      const up = (next * Math.sqrt(sigma ** 2 - next ** 2)) / sigma
      const down = next ** 2 / sigma
      const mean = [
        [down / sigma, x],
        [1 - down / sigma, denoised],
      ] as const
      return { x: next > 0 ? combine(...mean, [up, required(noise, i)]) : combine(...mean), denoised, state }
    },
  }
}

/** Two calls of the model a step, but for the last: an Euler step, then the same again along the mean of both slopes. */
export function heun(config: z.infer<typeof HeunConfig>, n: number): Schedule {
  const levels = noiseLevels(config, trainingSigmas(config), n)
  const timesteps = firstOnceOthersTwice(levels.timesteps)
  const sigmas = withEnd(firstOnceOthersTwice(levels.sigmas), 0)
  return {
    ...exploding(config, timesteps, sigmas),
    drawsNoise: false,
    step(x, modelOutput, i, { outputs: [earlier], x: start }) {
      const denoised = denoise(config, x, modelOutput, sigmas[i]!)
      const slope = combine([1 / sigmas[i]!, x], [-1 / sigmas[i]!, denoised])
      if (!earlier || !start) {
        const distance = sigmas[i + 1]! - sigmas[i]!
        return { x: combine([1, x], [distance, slope]), denoised, state: { outputs: [slope], x } }
      }
      const distance = sigmas[i]! - sigmas[i - 1]!
      const next = combine([1, start], [distance / 2, earlier], [distance / 2, slope])
      return { x: next, denoised, state: { outputs: [] } }
    },
  }
}

type LevelsConfig = z.infer<typeof EulerAncestralConfig> &
  Partial<
    Pick<
      z.infer<typeof EulerConfig>,
      'interpolation_type' | 'use_karras_sigmas' | 'use_exponential_sigmas' | 'sigma_min' | 'sigma_max'
    >
  >

/**
 * Timesteps of `n` calls and the levels that they start from. 'log_linear' has one level more, which the last call ends
 * at, and the end that is put after it is never reached.
 */
function noiseLevels(config: LevelsConfig, training: Float32Array, n: number) {
  const { num_train_timesteps: count, timestep_spacing: spacing } = config
  const timesteps = spaced(spacing, count, n, config.steps_offset).map(Math.fround)
  const spread =
    config.interpolation_type === 'log_linear'
      ? exponentialFloat32(training.at(-1)!, training[0]!, n + 1)
      : sigmasAt(timesteps, training)
  const { use_karras_sigmas: useKarras, use_exponential_sigmas: useExponential } = config
  if (!useKarras && !useExponential) return { timesteps, sigmas: spread }
  // The value too many of numpy's 'trailing' counts here: np.interp reads timestep −1 as 0.
  const lowest = spacing === 'trailing' && hasOneTooMany(count, n) ? training[0]! : spread.at(-1)!
  const [max, min] = [config.sigma_max ?? spread[0]!, config.sigma_min ?? lowest]
  const sigmas = useKarras ? karras(max, min, n) : exponential(max, min, n)
  return { timesteps: timestepsOf(sigmas, training).map(Math.fround), sigmas }
}

/** What the samplers of this form share. */
function exploding({ timestep_spacing: spacing }: LevelsConfig, timesteps: Float64Array, sigmas: Float64Array) {
  const max = sigmas[0]!
  return {
    timesteps,
    // Spacings that reach the last training timestep start from pure noise; 'leading' leaves room for the latent.
    initNoiseSigma: spacing === 'leading' ? Math.sqrt(max ** 2 + 1) : max,
    scaleInput: (x: Float32Array, i: number) => combine([1 / Math.sqrt(sigmas[i]! ** 2 + 1), x]),
    addNoise: (clean: Float32Array, noise: Float32Array, i: number) => combine([1, clean], [sigmas[i]!, noise]),
  }
}

/** The clean latent. v is defined on the variance-preserving x / sqrt(sigma² + 1). */
function denoise(config: LevelsConfig, x: Float32Array, modelOutput: Float32Array, sigma: number): Float32Array {
  const { prediction_type: type } = config
  if (type !== 'v_prediction') return split(type, x, modelOutput, 1, sigma).clean
  const scale = 1 / Math.sqrt(sigma ** 2 + 1)
  return combine([scale ** 2, x], [-sigma * scale, modelOutput])
}

function firstOnceOthersTwice(values: Float64Array): Float64Array {
  return Float64Array.from([...values].flatMap((value, i) => (i === 0 ? [value] : [value, value])))
}
