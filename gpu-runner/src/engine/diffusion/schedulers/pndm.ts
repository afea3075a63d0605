/** PNDM's linear multistep form (arXiv:2202.09778), as Stable Diffusion 1 ships it: `n` + 1 calls for `n` steps. */

import { z } from 'zod'
import { Betas, cumulatedAlphas, inTable, roundHalfEven, Spacing, spaced } from './noise-levels.ts'
import { atTrainingLevels, combine, type Schedule, split } from './schedule.ts'

export const PndmConfig = Betas.extend({
  skip_prk_steps: z.literal(true, { error: 'must be true: the Runge-Kutta start is not supported' }),
  set_alpha_to_one: z.boolean().default(false),
  timestep_spacing: Spacing.default('leading'),
  prediction_type: z.enum(['epsilon', 'v_prediction']).default('epsilon'),
})

/** Adams-Bashforth weights, newest first, by the number of outputs at hand. */
const weights = [[1], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24]]

export function pndm(config: z.infer<typeof PndmConfig>, n: number): Schedule {
  const count = config.num_train_timesteps
  const alphas = cumulatedAlphas(config)
  const stride = Math.floor(count / n)
  const once = inTable(spaced(config.timestep_spacing, count, n, config.steps_offset).map(roundHalfEven), count)
  // The first step is done twice: the second call comes after it, and the first step again with the mean of both.
  const timesteps = Float64Array.from(n > 1 ? [...once.slice(0, 2), ...once.slice(1)] : once)
  const alphaAt = (t: number) => alphas[t] ?? (config.set_alpha_to_one ? 1 : alphas[0]!)
  return {
    ...atTrainingLevels(alphas, timesteps),
    drawsNoise: false,
    step(x, modelOutput, i, { outputs: earlier, x: start }) {
      const t = timesteps[i]!
      const now = alphaAt(t)
      const { clean } = split(config.prediction_type, x, modelOutput, Math.sqrt(now), Math.sqrt(1 - now))
      if (start) {
        const slope = combine([0.5, modelOutput], [0.5, earlier[0]!])
        return { x: move(start, slope, t + stride, t), denoised: clean, state: { outputs: earlier } }
      }
      const outputs = [modelOutput, ...earlier].slice(0, 4)
      const slope = combine(...outputs.map((output, k) => [weights[outputs.length - 1]![k]!, output] as const))
      const state = earlier.length === 0 ? { outputs, x } : { outputs }
      return { x: move(x, slope, t, t - stride), denoised: clean, state }
    },
  }

  /** Equation 9: from timestep `t` to `next` along the model output `slope`. */
  function move(x: Float32Array, slope: Float32Array, t: number, next: number): Float32Array {
    const [now, then] = [alphaAt(t), alphaAt(next)]
    const { noise } = split(config.prediction_type, x, slope, Math.sqrt(now), Math.sqrt(1 - now))
    const scale = now * Math.sqrt(1 - then) + Math.sqrt(now * (1 - now) * then)
    return combine([Math.sqrt(then / now), x], [(now - then) / scale, noise])
  }
}
