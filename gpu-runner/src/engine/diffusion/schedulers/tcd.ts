/** Trajectory consistency distillation (arXiv:2402.19159): jump below the next level, then draw noise to come back up to it. */

import { z } from 'zod'
import { distilledTimesteps, LcmConfig } from './lcm.ts'
import { cumulatedAlphas } from './noise-levels.ts'
import { combine, required, type Schedule, split } from './schedule.ts'

export const TcdConfig = LcmConfig.extend({ eta: z.number().min(0).max(1).optional() })

/** How far below the next level the jump goes, gamma in the paper: 0 to the level itself, 1 to the clean latent. */
const usualEta = 0.3

export function tcd(config: z.infer<typeof TcdConfig>, n: number, eta = config.eta ?? usualEta): Schedule {
  const alphas = cumulatedAlphas(config)
  const timesteps = distilledTimesteps(config, n)
  return {
    timesteps,
    initNoiseSigma: 1,
    drawsNoise: eta > 0,
    scaleInput: (x) => x,
    step(x, modelOutput, i, state, noise) {
      const [now, next] = [alphas[timesteps[i]!]!, alphas[timesteps[i + 1] ?? 0]!]
      const below = alphas[Math.floor((1 - eta) * (timesteps[i + 1] ?? 0))]!
      const { clean, noise: own } = split(config.prediction_type, x, modelOutput, Math.sqrt(now), Math.sqrt(1 - now))
      const noised = combine([Math.sqrt(below), clean], [Math.sqrt(1 - below), own])
      if (eta === 0 || i === n - 1) return { x: noised, denoised: clean, state }
      const share = next / below
      return {
        x: combine([Math.sqrt(share), noised], [Math.sqrt(1 - share), required(noise, i)]),
        denoised: clean,
        state,
      }
    },
    addNoise(clean, noise, i) {
      const alpha = alphas[timesteps[i]!]!
      return combine([Math.sqrt(alpha), clean], [Math.sqrt(1 - alpha), noise])
    },
  }
}
