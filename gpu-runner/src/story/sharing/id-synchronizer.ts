/** ID-Synchronizer: which image attends to which at each step, by the attention maps of the steps before. */
import { promptRegionOf } from '../../engine/diffusion/regional-prompts.ts'
import { type AttentionPlan, type Grid, levelGrid } from '../../engine/pipeline/attention-plan.ts'
import type { Sharing } from '../../engine/pipeline/guided.ts'
import { foreignPixels, type SharedImage } from './amsa.ts'
import { type AttentionMap, type CharacterMasks, characterMasks, coarser, subjectMask } from './masks.ts'
import { type SharingMode, type SharingRule, sharingRule } from './modes.ts'
import { tokenSelector } from './token-selector.ts'

/**
 * Share of a foreign character's pixels that are left out at full strength, so that poses stay free. ConsiStory leaves out
 * half; story-mini's frames then agreed in hardly more than without sharing, and poses were as free with a fifth.
 */
const fullStrengthDrop = 0.2

/** Maps of this many steps are averaged into masks. */
const window = 10

/** Levels with more pixels are not shared, however large the pictures: 64×64, as SDXL has at its own size. */
const mostPixels = 64 * 64

export interface SynchronizedImage extends SharedImage {
  /** Tokens of its prompts, over all chunks. */
  readonly promptTokens: number
  /** For each of the cast the positions of its words; over all regional prompts, one after the other. */
  readonly characterTokens: readonly (readonly number[])[]
  /** For each of the cast, for each region of its body, the positions of the words about it. */
  readonly regionTokens: readonly (readonly (readonly number[])[])[]
  /** Who has a prompt of their own, column by column from the left; null for an image with one prompt. */
  readonly regional: readonly { readonly character: number }[] | null
}

export interface SynchronizerOptions {
  /** Frames of the story, then anchors. */
  readonly images: readonly SynchronizedImage[]
  /** For each image where its characters are, on the grid of the latents, if that is known beforehand; else null. */
  readonly knownMasks: readonly (CharacterMasks | null)[]
  readonly attention: AttentionPlan
  /** Of the latents. */
  readonly grid: Grid
  /** 'amsa' is the method itself; an evaluation compares it with others. */
  readonly mode: SharingMode
  /** 0 … 1, of 'amsa'. */
  readonly strength: number
  /** Of the story, for other modes. */
  readonly seed: number
  /** Of the whole sampling. */
  readonly steps: number
  /** Whether pixels of one character see no foreign pixels of another, in 'amsa'. */
  readonly guard: boolean
  /** Whether attention to the words about regions is recorded too. */
  readonly withRegions: boolean
}

export class Synchronizer implements Sharing {
  readonly selectors: readonly Float32Array[]
  /** Groups of words whose attention is recorded: a column of the maps for each of the cast, then for each region. */
  readonly tokenGroups: number
  readonly #options: SynchronizerOptions
  /** For each image which groups have words at all. */
  readonly #hasWords: readonly (readonly boolean[])[]
  /** What takes the place of the method itself. */
  readonly #rule: SharingRule | undefined
  /** Maps of each image at the latest steps, oldest first. */
  readonly #history: Float32Array[][]
  /** Masks by the maps so far. */
  readonly #made = new Map<string, CharacterMasks>()

  constructor(options: SynchronizerOptions) {
    const { images, mode, seed, steps, withRegions } = options
    this.#options = options
    this.#history = images.map(() => [])
    if (mode !== 'amsa') this.#rule = sharingRule(mode, { images: images.length, seed, steps })
    const groups = images.map(({ characterTokens, regionTokens }) =>
      withRegions ? [...characterTokens, ...regionTokens.flat()] : characterTokens,
    )
    this.#hasWords = groups.map((own) => own.map((positions) => positions.length > 0))
    this.tokenGroups = Math.max(1, groups[0]?.length ?? 0)
    this.selectors = groups.map((own, image) => tokenSelector(own, images[image]!.promptTokens))
  }

  observe(_: number, image: number, map: Float32Array): void {
    const own = this.#history[image]!
    own.push(map)
    if (own.length > window) own.shift()
    this.#made.clear()
  }

  /** The first step has no maps yet: every image is on its own, but for anchors whose masks are known. */
  sharedPixels(step: number): readonly (readonly (readonly number[])[])[] {
    const { images, attention, grid, strength } = this.#options
    return attention.shared.map((level) => {
      const own = levelGrid(grid, level)
      const pixels = own.width * own.height
      if (pixels > mostPixels) return images.map(() => [])
      if (this.#rule)
        return this.#rule.foreign(step, pixels, (image) => subjectMask(this.#maps(image), this.#mapGrid, own))
      const drop = 1 - strength * (1 - fullStrengthDrop)
      return foreignPixels(images, this.masks(own), pixels, { drop, step })
    })
  }

  /**
   * Undefined where no character has to be guarded. An image that depicts two characters attends to anchors of both,
   * and nothing but this keeps the clothes of one from appearing on the other. With regional prompts all of a column is
   * its character's: else pixels just outside a mask would attend to all characters.
   */
  labels(): readonly (readonly Uint8Array[])[] | undefined {
    const { images, attention, grid, guard } = this.#options
    if (!guard || this.#rule || images[0]!.depicts.length < 2) return undefined
    return attention.shared.map((level) => {
      const own = levelGrid(grid, level)
      return this.masks(own).map((masks, image) => {
        const { regional } = images[image]!
        return regional ? columnLabels(regional, own) : maskLabels(masks, own.width * own.height)
      })
    })
  }

  /** Where each character of each image is, by the latest maps, on a grid of one's choice. */
  masks(to: Grid): CharacterMasks[] {
    return this.#options.images.map((_, image) => this.#masks(image, to))
  }

  /** Kept, as both `sharedPixels` and `labels` want them, once a step. */
  #masks(image: number, to: Grid): CharacterMasks {
    const key = `${image} ${to.width}×${to.height}`
    const made = this.#made.get(key)
    if (made) return made
    const { knownMasks, grid } = this.#options
    const known = knownMasks[image]
    const masks = known
      ? known.map((mask) => mask && coarser(mask, grid, to))
      : characterMasks(this.#maps(image), this.#mapGrid, to)
    this.#made.set(key, masks)
    return masks
  }

  /** The grid that maps are recorded on. */
  get #mapGrid(): Grid {
    return levelGrid(this.#options.grid, this.#options.attention.maps)
  }

  #maps(image: number): (AttentionMap | null)[] {
    return this.#options.images[image]!.depicts.map((_, character) => this.map(image, character))
  }

  /** Attention of an image's pixels to a group of words, summed over the latest steps; null where there is none. */
  map(image: number, group: number): AttentionMap | null {
    const history = this.#history[image]!
    if (!this.#hasWords[image]![group] || history.length === 0) return null
    const map = new Float32Array(history[0]!.length / this.tokenGroups)
    for (const step of history) for (let p = 0; p < map.length; p++) map[p]! += step[p * this.tokenGroups + group]!
    return map
  }
}

/** Of each pixel the first character whose mask has it, from 1; 0 where none has. */
function maskLabels(masks: CharacterMasks, pixels: number): Uint8Array {
  return Uint8Array.from({ length: pixels }, (_, p) => 1 + masks.findIndex((mask) => mask?.[p] === 1))
}

function columnLabels(regional: readonly { readonly character: number }[], { width, height }: Grid): Uint8Array {
  return Uint8Array.from(
    { length: width * height },
    (_, p) => 1 + regional[promptRegionOf(p % width, width, regional.length)]!.character,
  )
}
