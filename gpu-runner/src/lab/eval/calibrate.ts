/**
 * How well a model's image encoder separates identities: cut-outs of StoryDB's characters, along masks as coarse as a
 * story has them, set against each other, the training split to calibrate by and the held-out one to check it.
 */

import { levelGrid } from '../../engine/pipeline/attention-plan.ts'
import type { Calibration } from '../../engine/pipeline/calibration.ts'
import type { IdentityEncoder } from '../../engine/pipeline/identity.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { cutAlong, squareMask, tokensOf } from '../../story/check/likeness.ts'
import { centred, fitLogistic, sameness } from '../../story/measures/likeness.ts'
import { areaMask } from '../../story/measures/pictures.ts'
import { areaUnderCurve, cosine, equalErrorRate } from '../../story/measures/verification.ts'
import type { Reference } from '../../story/references/cut-out.ts'
import { resize } from '../../story/sharing/masks.ts'
import { randomFrames } from '../storydb/frames.ts'
import type { Level } from '../storydb/levels.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Split } from '../storydb/types.ts'

/** Side in pixels of renders, and of what is cut out of them. */
const size = 128
const framesOfSet = 3

export interface CalibrationOptions {
  /** Sets of three frames to calibrate by, and as many held-out ones to check it by. */
  readonly sets: number
  readonly seed: number
}

export interface CalibrationCheck {
  readonly calibration: Calibration
  /** On held-out characters. */
  readonly checked: {
    /** Pairs of the same character, and of different ones. */
    readonly pairs: readonly [number, number]
    readonly auc: number
    readonly eer: number
    /** Share classified right at a probability of a half, both kinds weighing the same. */
    readonly accuracy: number
    /** Mean probability of pairs of either kind. */
    readonly same: number
    readonly different: number
  }
}

export async function calibrate(
  pipeline: Pipeline,
  identity: IdentityEncoder,
  options: CalibrationOptions,
): Promise<CalibrationCheck> {
  const trained = await encoded(pipeline, identity, { ...options, split: 'train' })
  const mean = meanOf(trained.map(({ tokens }) => tokens))
  const known = similarities(trained, mean)
  const curve = fitLogistic(known.same, known.different)
  const { same, different } = similarities(await encoded(pipeline, identity, { ...options, split: 'held-out' }), mean)
  const probabilities = (values: readonly number[]) => values.map((value) => sameness(value, curve))
  const [own, other] = [probabilities(same), probabilities(different)]
  const share = (values: readonly number[], is: (p: number) => boolean) => average(values.map((p) => Number(is(p))))
  return {
    calibration: { mean, ...curve },
    checked: {
      pairs: [same.length, different.length],
      auc: areaUnderCurve(same, different),
      eer: equalErrorRate(same, different),
      accuracy: (share(own, (p) => p > 0.5) + share(other, (p) => p <= 0.5)) / 2,
      same: average(own),
      different: average(other),
    },
  }
}

interface Known {
  /** How well identities are separated. */
  readonly who: string
  readonly tokens: Float32Array
}

/** One cut-out for each character of each frame in which enough of it is seen. */
async function encoded(
  pipeline: Pipeline,
  identity: IdentityEncoder,
  { sets, seed, split }: CalibrationOptions & { split: Split },
): Promise<Known[]> {
  const { denoiser, autoencoder } = pipeline
  const grid = { width: size / autoencoder.factor, height: size / autoencoder.factor }
  const maps = levelGrid(grid, denoiser.plan.maps)
  const all: Known[] = []
  for (let set = 0; set < sets; set++) {
    const seen: { who: string; reference: Reference }[] = []
    for (const frame of randomFrames(seed, set, framesOfSet, { level: ((set % 3) + 1) as Level, split })) {
      const { rgb, characters } = renderFrame(frame, size)
      for (const [c, { mask }] of characters.entries()) {
        const seenAt = resize(areaMask(mask, size, maps.width).data, maps, grid)
        const own = squareMask(
          Uint8Array.from(seenAt, (share) => Number(share >= 0.5)),
          grid,
        )
        const reference = cutAlong({ rgb, width: size, height: size }, own, size)
        if (reference) seen.push({ who: JSON.stringify(frame.actors[c]!.identity), reference })
      }
    }
    const references = seen.map(({ reference }) => reference)
    for (const [i, tokens] of (await tokensOf(identity, references)).entries()) all.push({ who: seen[i]!.who, tokens })
  }
  return all
}

/** Cosines of all pairs. */
function similarities(known: readonly Known[], mean: Float32Array): { same: number[]; different: number[] } {
  const likenesses = known.map(({ tokens }) => centred(tokens, mean))
  const [same, different]: [number[], number[]] = [[], []]
  for (const [i, a] of likenesses.entries())
    for (let j = 0; j < i; j++) (known[i]!.who === known[j]!.who ? same : different).push(cosine(a, likenesses[j]!))
  return { same, different }
}

function meanOf(all: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(all[0]?.length ?? 0)
  for (const tokens of all) for (const [i, value] of tokens.entries()) sum[i]! += value
  return Float32Array.from(sum, (value) => value / all.length)
}

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
