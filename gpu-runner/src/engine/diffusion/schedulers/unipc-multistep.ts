/** UniPC (arXiv:2302.04867): each step first corrects the present latent with the prediction made at it. */

import { z } from 'zod'
import { type Level, MultistepConfig, multistepLevels } from './multistep.ts'
import { combine, type Schedule, split } from './schedule.ts'

export const UniPcMultistepConfig = MultistepConfig.extend({
  predict_x0: z.boolean().default(true),
  solver_type: z.enum(['bh1', 'bh2']).default('bh2'),
  /** Steps after which the latent is left as it was predicted. */
  disable_corrector: z.array(z.int()).default([]),
  solver_p: z.null({ error: 'is not supported, so it must be null' }).optional(),
})

type Config = z.infer<typeof UniPcMultistepConfig>

export function uniPcMultistep(config: Config, n: number): Schedule {
  const { levels, common } = multistepLevels(config, n)
  return {
    ...common,
    drawsNoise: false,
    step(x, modelOutput, i, { outputs: earlier, x: before, order: orderBefore }) {
      const { alpha, sigma } = levels[i]!
      const parts = split(config.prediction_type, x, modelOutput, alpha, sigma)
      const outputs = [config.predict_x0 ? parts.clean : parts.noise, ...earlier].slice(0, config.solver_order + 1)
      const corrects = before && orderBefore && !config.disable_corrector.includes(i - 1)
      const corrected = corrects ? advance(config, levels, i - 1, orderBefore, before, earlier, outputs[0]) : x

      const order = Math.min(config.solver_order, earlier.length + 1, highestOrder(config, i, n))
      return {
        x: advance(config, levels, i, order, corrected, outputs),
        denoised: parts.clean,
        state: { outputs: outputs.slice(0, config.solver_order), x: corrected, order },
      }
    },
  }
}

function highestOrder(config: Config, i: number, n: number): number {
  const endsAtZero = i === n - 1 && config.final_sigmas_type === 'zero'
  return endsAtZero ? 1 : config.lower_order_final ? n - i : config.solver_order
}

/**
 * From `x` at call `i` to the level of the next, by the predictions up to call `i`, newest first. With `arrived`, the
 * prediction at the level it goes to, this is the corrector, else the predictor.
 */
function advance(
  config: Config,
  levels: readonly Level[],
  i: number,
  order: number,
  x: Float32Array,
  outputs: readonly Float32Array[],
  arrived?: Float32Array,
): Float32Array {
  const [now, next] = [levels[i]!, levels[i + 1]!]
  const h = next.lambda - now.lambda
  const rate = config.predict_x0 ? -h : h
  const scale = config.predict_x0 ? next.alpha : next.sigma
  const b = config.solver_type === 'bh1' ? rate : Math.expm1(rate)
  const before = Array.from({ length: order - 1 }, (_, k) => (levels[i - k - 1]!.lambda - now.lambda) / h)
  const nodes = arrived ? [...before, 1] : before
  const weights = arrived || order > 2 ? solveMoments(nodes, moments(rate, b, nodes.length)) : before.map(() => 0.5)
  if (arrived && order === 1) weights[0] = 0.5

  const points = arrived ? [...outputs.slice(1, order), arrived] : outputs.slice(1, order)
  const terms = points.map((point, k) => [(-scale * b * weights[k]!) / nodes[k]!, point] as const)
  const newest = -scale * Math.expm1(rate) - terms.reduce((sum, [factor]) => sum + factor, 0)
  const keep = config.predict_x0 ? next.sigma / now.sigma : next.alpha / now.alpha
  return combine([keep, x], [newest, outputs[0]!], ...terms)
}

/** Integrals that the weighted difference quotients have to reproduce, the k-th for the polynomial of degree k. */
function moments(rate: number, b: number, count: number): number[] {
  let phi = Math.expm1(rate) / rate - 1
  let factorial = 1
  return Array.from({ length: count }, (_, k) => {
    const moment = (phi * factorial) / b
    factorial *= k + 2
    phi = phi / rate - 1 / factorial
    return moment
  })
}

/** Weights w with Σ w[j] · nodes[j]^k = moments[k]: a Vandermonde system, at most 3 by 3, by elimination. */
function solveMoments(nodes: readonly number[], right: readonly number[]): number[] {
  const rows = right.map((value, k) => [...nodes.map((node) => node ** k), value])
  for (let p = 0; p < rows.length; p++) {
    for (let q = 0; q < rows.length; q++) {
      if (q === p) continue
      const factor = rows[q]![p]! / rows[p]![p]!
      rows[q] = rows[q]!.map((value, column) => value - factor * rows[p]![column]!)
    }
  }
  return rows.map((row, p) => row.at(-1)! / row[p]!)
}
