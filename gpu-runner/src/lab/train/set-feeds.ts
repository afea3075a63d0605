/** The feeds of a step on sets: what is drawn, dropped and withheld. `set-loss.ts` says what each input means. */

import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { captionFeeds } from './caption-feeds.ts'
import { drawLevel } from './denoiser.ts'
import { type Drop, drawDrop, withoutText } from './drops.ts'
import { frameFeeds } from './frame-feeds.ts'
import type { Random } from './random.ts'
import { referenceFeeds } from './reference-feeds.ts'
import type { SetModel, SetRecipe } from './set-loss.ts'
import type { FrameSet } from './sets.ts'
import { sharingFeeds } from './sharing-feeds.ts'

/** The noise level of a frame that stands for a finished picture. */
const clean = 0.02

export interface Step {
  step: number
  /** Steps of the whole training. */
  steps: number
}

export function setFeeds(
  sets: readonly FrameSet[],
  tokenizer: Tokenizer,
  model: SetModel,
  recipe: SetRecipe,
  when: Step,
  random: Random,
): Record<string, HostTensor> {
  const frames = sets.flatMap((set) => set.frames)
  const drops = frames.map(() => drawDrop(recipe, random))
  const truth = drawTruth(sets, drops, recipe, when, random)
  const { sigma, flowWeight } = drawLevels(sets.length, recipe, random)
  const shape = [frames.length, ...model.latentShape]
  return {
    ...frameFeeds(frames, model.latentShape),
    noise: { data: random.normals(shape.reduce((a, b) => a * b, 1)), shape },
    sigma: column(sigma),
    flowWeight: column(flowWeight),
    useTruth: column(truth),
    perceptualAt: column(perceptualWeights(sigma, when.step, recipe)),
    ...captionFeeds(frames, drops, tokenizer, model, recipe, random),
    ...sharingFeeds(sets, model, recipe, random),
    ...referenceFeeds(sets, drops, sigma, model, recipe, random),
  }
}

/** One number for each row, [N,1,1,1]. */
const column = (values: readonly number[]): HostTensor => ({
  data: Float32Array.from(values),
  shape: [values.length, 1, 1, 1],
})

/**
 * Whether a row's masks are the true ones: at first all are, in the end `truthAtEnd` of the sets. Attention without a
 * caption knows no characters, so that there the true ones stay.
 */
function drawTruth(
  sets: readonly FrameSet[],
  drops: readonly Drop[],
  { truthAtEnd, frames }: SetRecipe,
  { step, steps }: Step,
  random: Random,
): number[] {
  const share = 1 - (1 - truthAtEnd) * Math.min(1, step / steps)
  return sets.flatMap((_, s) => {
    const all = random.uniform() < share
    return Array.from({ length: frames }, (_, i) => Number(all || withoutText(drops[s * frames + i]!)))
  })
}

/** Noise levels, mostly one for the set; a frame that is all but clean has no velocity to be learnt and weighs nothing. */
export function drawLevels(sets: number, recipe: SetRecipe, random: Random): { sigma: number[]; flowWeight: number[] } {
  const { shift, frames, commonLevel, cleanFrame } = recipe
  const draw = () => drawLevel(shift, random)
  const [sigma, flowWeight]: [number[], number[]] = [[], []]
  for (let s = 0; s < sets; s++) {
    const common = random.uniform() < commonLevel ? draw() : null
    const finished = random.uniform() < cleanFrame ? random.below(frames) : -1
    for (let i = 0; i < frames; i++) {
      sigma.push(i === finished ? clean : (common ?? draw()))
      flowWeight.push(Number(i !== finished))
    }
  }
  return { sigma, flowWeight }
}

/** w(t) = 1 − t below 0.6 and 0 above, where a prediction is still mostly noise; less of it while training is young. */
export function perceptualWeights(sigma: readonly number[], step: number, { perceptualWarmup }: SetRecipe): number[] {
  const warm = Math.min(1, step / perceptualWarmup)
  return sigma.map((t) => (t < 0.6 && t !== clean ? warm * (1 - t) : 0))
}
