/** DPM-Solver (arXiv:2206.00927) and DPM-Solver++ (arXiv:2211.01095), multistep, as ODE or SDE. */

import { z } from 'zod'
import { type Level, MultistepConfig, multistepLevels } from './multistep.ts'
import { Off, roundHalfEven } from './noise-levels.ts'
import { combine, required, type Schedule, split } from './schedule.ts'

export const DpmSolverMultistepConfig = MultistepConfig.extend({
  algorithm_type: z.enum(['dpmsolver++', 'sde-dpmsolver++', 'dpmsolver', 'sde-dpmsolver']).default('dpmsolver++'),
  solver_type: z.enum(['midpoint', 'heun']).default('midpoint'),
  euler_at_final: z.boolean().default(false),
  use_lu_lambdas: z.boolean().nullish(),
  lambda_min_clipped: Off,
  variance_type: Off,
})
  .refine((c) => c.algorithm_type.endsWith('++') || c.final_sigmas_type !== 'zero', {
    error: "must be 'sigma_min' for algorithms that predict noise",
    path: ['final_sigmas_type'],
  })
  .refine((c) => !c.algorithm_type.startsWith('sde') || c.solver_order < 3, {
    error: 'must be 1 or 2 for algorithms that draw noise',
    path: ['solver_order'],
  })

type Config = z.infer<typeof DpmSolverMultistepConfig>

export function dpmSolverMultistep(config: Config, n: number): Schedule {
  const whole = config.beta_schedule === 'squaredcos_cap_v2' ? Math.trunc : roundHalfEven
  const { levels, common } = multistepLevels(config, n, whole)
  const drawsNoise = config.algorithm_type.startsWith('sde')
  return {
    ...common,
    drawsNoise,
    step(x, modelOutput, i, { outputs: earlier }, noise) {
      const { alpha, sigma } = levels[i]!
      const parts = split(config.prediction_type, x, modelOutput, alpha, sigma)
      const predicted = config.algorithm_type.endsWith('++') ? parts.clean : parts.noise
      const outputs = [predicted, ...earlier].slice(0, config.solver_order)
      const order = Math.min(outputs.length, highestOrder(config, i, n))
      const factors = weights(config, levels, i, order)
      const terms = [[factors.x, x] as const, ...factors.outputs.map((w, k) => [w, outputs[k]!] as const)]
      return {
        x: drawsNoise ? combine(...terms, [factors.noise, required(noise, i)]) : combine(...terms),
        denoised: parts.clean,
        state: { outputs },
      }
    },
  }
}

/** The last steps may be of lower order for the sake of stability. */
function highestOrder(config: Config, i: number, n: number): number {
  const few = config.lower_order_final && n < 15
  if (i === n - 1 && (config.euler_at_final || few || config.final_sigmas_type === 'zero')) return 1
  return i === n - 2 && few ? 2 : config.solver_order
}

/**
 * What the next latent takes of the present one, of the predictions (newest first) and of fresh noise.
 *
 * All algorithms integrate a polynomial through the predictions over lambda, against an exponential: of -h where they
 * are clean latents (-2h in the SDE, whose noise makes up for the rest), of h where they are noise.
 */
function weights(config: Config, levels: readonly Level[], i: number, order: number) {
  const [now, next] = [levels[i]!, levels[i + 1]!]
  const h = next.lambda - now.lambda
  const sde = config.algorithm_type.startsWith('sde')
  const clean = config.algorithm_type.endsWith('++')
  const rate = clean ? (sde ? -2 * h : -h) : h
  const scale = clean ? next.alpha : sde ? 2 * next.sigma : next.sigma
  return {
    x: clean ? (next.sigma / now.sigma) * (sde ? Math.exp(-h) : 1) : next.alpha / now.alpha,
    outputs: polynomial(rate, scale, steps(levels, i, order, h), config.solver_type),
    noise: next.sigma * Math.sqrt(clean ? -Math.expm1(-2 * h) : Math.expm1(2 * h)),
  }
}

/** Lengths of the steps before this one, newest first, relative to its own length h. */
function steps(levels: readonly Level[], i: number, order: number, h: number): number[] {
  const before = Array.from({ length: order - 1 }, (_, k) => levels[i - k]!.lambda - levels[i - k - 1]!.lambda)
  return before.map((length) => length / h)
}

/** Weights of the predictions: value, first and second difference quotient, written out in the predictions. */
function polynomial(rate: number, scale: number, [r0, r1]: readonly number[], type: Config['solver_type']): number[] {
  const e = Math.expm1(rate)
  const value = -scale * e
  if (r0 === undefined) return [value]
  const slope = -scale * (r1 === undefined && type === 'midpoint' ? e / 2 : e / rate - 1)
  if (r1 === undefined) return [value + slope / r0, -slope / r0]
  const curvature = -scale * ((e - rate) / rate ** 2 - 0.5)
  const older = -(slope * r0 + curvature) / (r0 + r1)
  const newer = slope - older
  return [value + newer / r0, older / r1 - newer / r0, -older / r1]
}
