/** DDPM (arXiv:2006.11239) on all training timesteps or a subset of them. */

import { z } from 'zod'
import { Betas, cumulatedAlphas, inTable, Off, roundHalfEven, Spacing, spaced } from './noise-levels.ts'
import { atTrainingLevels, combine, required, type Schedule, splitAt } from './schedule.ts'

export const DdpmConfig = Betas.extend({
  variance_type: z.enum(['fixed_small', 'fixed_small_log', 'fixed_large', 'fixed_large_log']).default('fixed_small'),
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  timestep_spacing: Spacing.default('leading'),
  thresholding: Off,
})

export function ddpm(config: z.infer<typeof DdpmConfig>, n: number): Schedule {
  const count = config.num_train_timesteps
  const alphas = cumulatedAlphas(config)
  const timesteps = inTable(spaced(config.timestep_spacing, count, n, config.steps_offset).map(roundHalfEven), count)
  return {
    ...atTrainingLevels(alphas, timesteps),
    drawsNoise: true,
    step(x, modelOutput, i, state, noise) {
      const t = timesteps[i]!
      const now = alphas[t]!
      const next = alphas[t - Math.floor(count / n)] ?? 1
      const { clean: denoised } = splitAt(now, config, x, modelOutput)
      const beta = 1 - now / next
      const mean = [
        [(Math.sqrt(next) * beta) / (1 - now), denoised],
        [(Math.sqrt(1 - beta) * (1 - next)) / (1 - now), x],
      ] as const
      if (t <= 0) return { x: combine(...mean), denoised, state }
      const small = Math.max(((1 - next) / (1 - now)) * beta, 1e-20)
      const deviation = Math.sqrt(config.variance_type.startsWith('fixed_small') ? small : beta)
      return { x: combine(...mean, [deviation, required(noise, i)]), denoised, state }
    },
  }
}
