/**
 * How others share attention among frames, as far as index lists can say it: what an evaluation compares the method with.
 * Their settings are those of the published code, read and not copied; what needs more than lists is left out and named.
 * Unconditional rows, which they share as well, stand alone here as in every mode.
 */
import { chance } from './sharing.ts'

const sharingModes = ['amsa', 'none', 'full', 'random-half', 'consistory'] as const
export type SharingMode = (typeof sharingModes)[number]

export interface SharingRule {
  /** For each frame the frames that it attends to. */
  readonly looksAt: readonly (readonly number[])[]
  /**
   * For each frame the foreign pixels that join its keys and values at a level of so many `pixels`, as
   * `frame · pixels + pixel`; `subjects` gives the mask of all characters of a frame at that level.
   */
  foreign(step: number, pixels: number, subjects: (frame: number) => Uint8Array): number[][]
}

export interface RuleOptions {
  readonly frames: number
  readonly seed: number
  /** Of the whole sampling. */
  readonly steps: number
}

type Keep = (looking: number, looked: number, pixel: number) => boolean

export function sharingRule(mode: Exclude<SharingMode, 'amsa'>, options: RuleOptions): SharingRule {
  return rules[mode](options)
}

const rules: Record<Exclude<SharingMode, 'amsa'>, (options: RuleOptions) => SharingRule> = {
  none: ({ frames }) => {
    const looksAt = Array.from({ length: frames }, (): number[] => [])
    return { looksAt, foreign: () => looksAt }
  },

  /** Every pixel of every other frame, at every step. */
  full: ({ frames }) => {
    const looksAt = others(frames, frames)
    return { looksAt, foreign: (_, pixels) => joined(looksAt, pixels, () => true) }
  },

  /**
   * StoryDiffusion (HVision-NKU): each frame sees a random half of the pixels of all others, with no masks; not at the
   * first step, and now and then not at all: 30 % of the time during the first two fifths, 10 % after. They draw that for
   * each layer, here all layers of a level share one draw.
   */
  'random-half': ({ frames, seed, steps }) => {
    const looksAt = others(frames, frames)
    return {
      looksAt,
      foreign(step, pixels) {
        const plain = chance(seed, pixels, step) < (step < 0.4 * steps ? 0.3 : 0.1)
        const keep: Keep = (i, j, pixel) => chance(seed, i, j, pixels, step, pixel) < 0.5
        return joined(looksAt, pixels, step === 0 || plain ? () => false : keep)
      },
    }
  },

  /**
   * ConsiStory (NVlabs): the first two frames are anchors, seen by all; a frame sees what Otsu's threshold calls a subject
   * there, whoever it is, less half of it at random. Left out are the queries of a second, unshared pass that it blends in
   * during the first tenth of the steps, and the injection of features between corresponding points.
   */
  consistory: ({ frames, seed }) => {
    const looksAt = others(frames, 2)
    return {
      looksAt,
      foreign(step, pixels, subjects) {
        if (step === 0) return joined(looksAt, pixels, () => false)
        const anchors = [0, 1].slice(0, frames).map(subjects)
        const keep: Keep = (i, j, pixel) =>
          anchors[j]![pixel] === 1 && chance(seed, i, j, pixels, step, pixel) >= maskDropout
        return joined(looksAt, pixels, keep)
      },
    }
  },
}

const maskDropout = 0.5

/** For each frame those of the first `anchors` frames that are not itself. */
function others(frames: number, anchors: number): number[][] {
  const all = Array.from({ length: frames }, (_, i) => i)
  return all.map((i) => all.slice(0, anchors).filter((j) => j !== i))
}

function joined(looksAt: readonly (readonly number[])[], pixels: number, keep: Keep): number[][] {
  return looksAt.map((seen, i) => {
    const list: number[] = []
    for (const j of seen) for (let p = 0; p < pixels; p++) if (keep(i, j, p)) list.push(j * pixels + p)
    return list
  })
}
