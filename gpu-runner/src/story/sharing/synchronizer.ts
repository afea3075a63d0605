/** ID-Synchronizer: who attends to whom at each step, from the attention maps of the steps before. */
import { promptRegionOf } from '../../engine/diffusion/regional-prompts.ts'
import { type AttentionPlan, type Grid, levelGrid } from '../../engine/pipeline/attention-plan.ts'
import type { Sharing } from '../../engine/pipeline/guided.ts'
import { type AttentionMap, characterMasks, coarser, type FrameMasks, subjectMask } from './masks.ts'
import { type SharingMode, type SharingRule, sharingRule } from './modes.ts'
import { foreignPixels, looksAt, type SharingRow } from './sharing.ts'

/**
 * Share of a foreign character's pixels that are left out at full strength, so that poses stay free. ConsiStory leaves out
 * half; story-mini's frames then agreed in hardly more than without sharing, and poses were as free with a fifth.
 */
const fullStrengthDrop = 0.2

/** Maps of this many steps are averaged into masks. */
const window = 10

/** Levels with more pixels are not shared, however large the pictures: 64×64, as SDXL has at its own size. */
const mostPixels = 64 * 64

export interface SynchronizerRow extends SharingRow {
  /** Where its characters are, on the grid of the latents, when that is known beforehand. */
  readonly masks?: FrameMasks | undefined
}

export interface SynchronizerOptions {
  /** Frames of the story, then anchors. */
  readonly rows: readonly SynchronizerRow[]
  /** For each frame, for each character, the positions of its tokens in the prompt. */
  readonly tokens: readonly (readonly (readonly number[])[])[]
  /** The same of further groups of words whose attention is recorded too, in columns after the characters'. */
  readonly more?: readonly (readonly (readonly number[])[])[] | undefined
  readonly text: { readonly length: number }
  /** For each row the characters of its columns, each of which has a prompt of its own; null for one read as a whole. */
  readonly columns: readonly (readonly number[] | null)[]
  readonly plan: AttentionPlan
  /** Of the latents. */
  readonly grid: Grid
  /** 0 … 1; at 0 each frame is on its own, and where the characters are is only recorded. */
  readonly strength: number
  /** Of the story, for other modes. */
  readonly seed: number
  /** Of the whole sampling. */
  readonly steps: number
  /** 'amsa', the method itself, unless an evaluation compares it with another. */
  readonly mode?: SharingMode | undefined
  /** Whether pixels of one character see no foreign pixels of another, in this method. */
  readonly guard?: boolean | undefined
}

export class Synchronizer implements Sharing {
  readonly selectors: readonly Float32Array[]
  /** Columns of the maps. */
  readonly tokenGroups: number
  /** For each frame the frames that it attends to. */
  readonly looksAt: readonly (readonly number[])[]
  readonly #options: SynchronizerOptions
  readonly #present: readonly (readonly boolean[])[]
  /** For each frame which columns of the maps have words at all. */
  readonly #spoken: readonly (readonly boolean[])[]
  /** Who stands in for the method itself. */
  readonly #rule: SharingRule | undefined
  /** Maps of each frame at the latest steps, oldest first. */
  readonly #history: Float32Array[][]
  /** Masks by the maps so far. */
  readonly #made = new Map<string, FrameMasks>()

  constructor(options: SynchronizerOptions) {
    const { rows, tokens, more, text, columns, strength } = options
    this.#options = options
    this.#present = tokens.map((cast) => cast.map((positions) => positions.length > 0))
    this.#history = tokens.map(() => [])
    const { seed, steps } = options
    const mode = strength === 0 ? 'none' : (options.mode ?? 'amsa')
    if (mode !== 'amsa') this.#rule = sharingRule(mode, { frames: tokens.length, seed, steps })
    this.looksAt = this.#rule?.looksAt ?? looksAt(this.#present, rows)
    const groups = tokens.map((cast, frame) => [...cast, ...(more?.[frame] ?? [])])
    this.#spoken = groups.map((own) => own.map((positions) => positions.length > 0))
    this.tokenGroups = Math.max(1, groups[0]?.length ?? 0)
    this.selectors = groups.map((own, row) =>
      tokenSelector(own, (columns[row]?.length ?? 1) * text.length, this.tokenGroups),
    )
  }

  observe(_: number, frame: number, map: Float32Array): void {
    const own = this.#history[frame]!
    own.push(map)
    if (own.length > window) own.shift()
    this.#made.clear()
  }

  /** The first step has no maps yet: every frame is on its own, but for anchors whose masks are known. */
  sharedPixels(step: number): readonly (readonly (readonly number[])[])[] {
    const { rows, plan, grid, strength } = this.#options
    return plan.shared.map((level) => {
      const own = levelGrid(grid, level)
      const pixels = own.width * own.height
      if (pixels > mostPixels) return this.#history.map(() => [])
      if (this.#rule) return this.#rule.foreign(step, pixels, (j) => subjectMask(this.#maps(j), this.#from, own))
      const masks = this.#history.map((_, frame) => this.#masks(frame, own))
      const drop = 1 - strength * (1 - fullStrengthDrop)
      return foreignPixels(masks, this.#present, rows, pixels, { drop, step })
    })
  }

  /**
   * Undefined where nobody has to be guarded. A frame that two characters are in looks at anchors of both, and nothing but
   * this keeps the one from putting on what the other wears. The notes do so on 32×32 and below, as their bias of the
   * scores takes memory; here it takes none, and every level that is shared is guarded. In columns, all of one is its
   * character's: what is just beside a mask would else look at everybody.
   */
  labels(): readonly (readonly Uint8Array[])[] | undefined {
    const { plan, grid, guard, columns } = this.#options
    if (!guard || this.#rule || this.#present[0]!.length < 2) return undefined
    return plan.shared.map((level) => {
      const own = levelGrid(grid, level)
      return this.masks(own).map((masks, row) => {
        const characters = columns[row]
        return characters ? columnLabels(characters, own) : labelled(masks, own.width * own.height)
      })
    })
  }

  /** Where each character of each frame is, by the latest maps, on a grid of one's choice. */
  masks(to: Grid): FrameMasks[] {
    return this.#history.map((_, frame) => this.#masks(frame, to))
  }

  /** Both what is looked at and who is guarded from whom want them, once a step. */
  #masks(frame: number, to: Grid): FrameMasks {
    const key = `${frame} ${to.width}×${to.height}`
    const made = this.#made.get(key)
    if (made) return made
    const { rows, grid } = this.#options
    const known = rows[frame]!.masks
    const masks = known
      ? known.map((mask) => mask && coarser(mask, grid, to))
      : characterMasks(this.#maps(frame), this.#from, to)
    this.#made.set(key, masks)
    return masks
  }

  /** The grid that maps are recorded on. */
  get #from(): Grid {
    return levelGrid(this.#options.grid, this.#options.plan.maps)
  }

  #maps(frame: number): (AttentionMap | null)[] {
    return this.#present[frame]!.map((_, character) => this.map(frame, character))
  }

  /** Attention of a frame's pixels to the words of a column, summed over the latest steps; null where there is none. */
  map(frame: number, column: number): AttentionMap | null {
    const history = this.#history[frame]!
    if (!this.#spoken[frame]![column] || history.length === 0) return null
    const map = new Float32Array(history[0]!.length / this.tokenGroups)
    for (const step of history) for (let p = 0; p < map.length; p++) map[p]! += step[p * this.tokenGroups + column]!
    return map
  }
}

/** Of each pixel the first character whose mask has it, from 1; 0 where none has. */
function labelled(masks: FrameMasks, pixels: number): Uint8Array {
  return Uint8Array.from({ length: pixels }, (_, p) => 1 + masks.findIndex((mask) => mask?.[p] === 1))
}

const columnLabels = (characters: readonly number[], { width, height }: Grid) =>
  Uint8Array.from(
    { length: width * height },
    (_, p) => 1 + characters[promptRegionOf(p % width, width, characters.length)]!,
  )

/** Mean over each character's tokens as a matrix, [T,K]. */
function tokenSelector(tokens: readonly (readonly number[])[], length: number, characters: number): Float32Array {
  const data = new Float32Array(length * characters)
  for (const [character, positions] of tokens.entries())
    for (const position of positions) data[position * characters + character] = 1 / positions.length
  return data
}
