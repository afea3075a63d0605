/** DDIM (arXiv:2010.02502): deterministic at eta 0, DDPM's variance at eta 1. */

import { z } from 'zod'
import { Betas, cumulatedAlphas, inTable, Off, roundHalfEven, Spacing, spaced } from './noise-levels.ts'
import { atTrainingLevels, combine, required, type Schedule, splitAt } from './schedule.ts'

export const DdimConfig = Betas.extend({
  clip_sample: z.boolean().default(true),
  clip_sample_range: z.number().positive().default(1),
  set_alpha_to_one: z.boolean().default(true),
  timestep_spacing: Spacing.default('leading'),
  thresholding: Off,
})

export function ddim(config: z.infer<typeof DdimConfig>, n: number, eta = 0): Schedule {
  const count = config.num_train_timesteps
  const alphas = cumulatedAlphas(config)
  const timesteps = inTable(spaced(config.timestep_spacing, count, n, config.steps_offset).map(roundHalfEven), count)
  const last = config.set_alpha_to_one ? 1 : alphas[0]!
  return {
    ...atTrainingLevels(alphas, timesteps),
    drawsNoise: eta > 0,
    step(x, modelOutput, i, state, noise) {
      const t = timesteps[i]!
      const now = alphas[t]!
      const next = alphas[t - Math.floor(count / n)] ?? last
      const { clean: denoised, noise: predicted } = splitAt(now, config, x, modelOutput)
      const deviation = eta * Math.sqrt(((1 - next) / (1 - now)) * (1 - now / next))
      const direction = Math.sqrt(1 - next - deviation ** 2)
      const mean = [
        [Math.sqrt(next), denoised],
        [direction, predicted],
      ] as const
      return {
        x: eta > 0 ? combine(...mean, [deviation, required(noise, i)]) : combine(...mean),
        denoised,
        state,
      }
    },
  }
}
