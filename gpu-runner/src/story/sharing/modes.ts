/**
 * How others share attention among frames, as far as index lists can say it: what an evaluation compares the method with.
 * Their settings are those of the published code, read and not copied; what needs more than lists is left out and named.
 * They share attention among unconditional rows too; here, as in every mode, those attend only to themselves.
 */
import { chance } from './amsa.ts'

const sharingModes = ['amsa', 'none', 'full', 'random-half', 'consistory'] as const
export type SharingMode = (typeof sharingModes)[number]

export interface SharingRule {
  /** For each image the images that it attends to. */
  readonly attendsTo: readonly (readonly number[])[]
  /**
   * For each image the foreign pixels that join its keys and values at a level of so many `pixels`, as
   * `image · pixels + pixel`; `subjects` gives the mask of all characters of an image at that level.
   */
  foreign(step: number, pixels: number, subjects: (image: number) => Uint8Array): number[][]
}

export interface RuleOptions {
  readonly images: number
  readonly seed: number
  /** Of the whole sampling. */
  readonly steps: number
}

type Keep = (image: number, other: number, pixel: number) => boolean

export function sharingRule(mode: Exclude<SharingMode, 'amsa'>, options: RuleOptions): SharingRule {
  return rules[mode](options)
}

const rules: Record<Exclude<SharingMode, 'amsa'>, (options: RuleOptions) => SharingRule> = {
  none: ({ images }) => {
    const attendsTo = Array.from({ length: images }, (): number[] => [])
    return { attendsTo, foreign: () => attendsTo }
  },

  /** Every pixel of every other image, at every step. */
  full: ({ images }) => {
    const attendsTo = others(images, images)
    return { attendsTo, foreign: (_, pixels) => joined(attendsTo, pixels, () => true) }
  },

  /**
   * StoryDiffusion (HVision-NKU): each frame attends to a random half of the pixels of all others, with no masks; not at
   * the first step, and now and then not at all: 30 % of the time during the first two fifths, 10 % after. They draw that
   * for each layer, here all layers of a level share one draw.
   */
  'random-half': ({ images, seed, steps }) => {
    const attendsTo = others(images, images)
    return {
      attendsTo,
      foreign(step, pixels) {
        const plain = chance(seed, pixels, step) < (step < 0.4 * steps ? 0.3 : 0.1)
        const keep: Keep = (i, j, pixel) => chance(seed, i, j, pixels, step, pixel) < 0.5
        return joined(attendsTo, pixels, step === 0 || plain ? () => false : keep)
      },
    }
  },

  /**
   * ConsiStory (NVlabs): the first two frames are anchors, which all attend to; a frame attends to what Otsu's threshold
   * calls a subject there, whoever it is, less half of it at random. Left out are the queries of a second, unshared pass
   * that it blends in during the first tenth of the steps, and the injection of features between corresponding points.
   */
  consistory: ({ images, seed }) => {
    const attendsTo = others(images, 2)
    return {
      attendsTo,
      foreign(step, pixels, subjects) {
        if (step === 0) return joined(attendsTo, pixels, () => false)
        const anchors = [0, 1].slice(0, images).map(subjects)
        const keep: Keep = (i, j, pixel) =>
          anchors[j]![pixel] === 1 && chance(seed, i, j, pixels, step, pixel) >= maskDropout
        return joined(attendsTo, pixels, keep)
      },
    }
  },
}

const maskDropout = 0.5

/** For each image those of the first `anchors` images that are not itself. */
function others(images: number, anchors: number): number[][] {
  const all = Array.from({ length: images }, (_, i) => i)
  return all.map((i) => all.slice(0, anchors).filter((j) => j !== i))
}

function joined(attendsTo: readonly (readonly number[])[], pixels: number, keep: Keep): number[][] {
  return attendsTo.map((attended, i) => {
    const list: number[] = []
    for (const j of attended) for (let p = 0; p < pixels; p++) if (keep(i, j, p)) list.push(j * pixels + p)
    return list
  })
}
