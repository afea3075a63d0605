/** Latent consistency models (arXiv:2310.04378): jump to the clean latent, then noise it to the next level. */

import { z } from 'zod'
import { Betas, cumulatedAlphas, Off } from './noise-levels.ts'
import { atTrainingLevels, combine, required, type Schedule, ScheduleError, splitAt } from './schedule.ts'

export const LcmConfig = Betas.extend({
  beta_start: z.number().default(0.00085),
  beta_end: z.number().default(0.012),
  beta_schedule: Betas.shape.beta_schedule.unwrap().default('scaled_linear'),
  /** Steps of the teacher, of which the sampler's are a subset. */
  original_inference_steps: z.int().min(1).default(50),
  timestep_scaling: z.number().default(10),
  clip_sample: z.boolean().default(false),
  clip_sample_range: z.number().positive().default(1),
  set_alpha_to_one: z.boolean().default(true),
  thresholding: Off,
})

/** Deviation of clean latents that the boundary condition assumes. */
const dataDeviation = 0.5

/** `n` of the teacher's timesteps. */
export function distilledTimesteps(config: z.infer<typeof LcmConfig>, n: number): Float64Array {
  const { num_train_timesteps: count, original_inference_steps: teacherSteps } = config
  if (n > teacherSteps) throw new ScheduleError(`${n} steps of a sampler distilled from ${teacherSteps}`)
  if (teacherSteps > count) throw new ScheduleError(`${teacherSteps} original_inference_steps of ${count} timesteps`)
  const stride = Math.floor(count / teacherSteps)
  return Float64Array.from({ length: n }, (_, i) => (teacherSteps - Math.floor(i * (teacherSteps / n))) * stride - 1)
}

export function lcm(config: z.infer<typeof LcmConfig>, n: number): Schedule {
  const alphas = cumulatedAlphas(config)
  const timesteps = distilledTimesteps(config, n)
  return {
    ...atTrainingLevels(alphas, timesteps),
    drawsNoise: true,
    step(x, modelOutput, i, state, noise) {
      const t = timesteps[i]!
      const { clean: clipped } = splitAt(alphas[t]!, config, x, modelOutput)
      const scaled = t * config.timestep_scaling
      const norm = scaled ** 2 + dataDeviation ** 2
      const denoised = combine([scaled / Math.sqrt(norm), clipped], [dataDeviation ** 2 / norm, x])
      if (i === n - 1) return { x: denoised, denoised, state }
      const next = alphas[timesteps[i + 1]!]!
      return { x: combine([Math.sqrt(next), denoised], [Math.sqrt(1 - next), required(noise, i)]), denoised, state }
    },
  }
}
