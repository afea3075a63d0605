/**
 * ID-Injector and region-level adapters: which identity each pixel of an image gets at each step, by the attention maps
 * of the steps before. Character-Adapter's layout maps and its dynamic fusion; the numbers are ours.
 */

import { regionNames } from '../../../../contract/prompts/body-regions.ts'
import { layoutTimestep, promptRegionMask } from '../../engine/diffusion/regional-prompts.ts'
import { type AttentionPlan, type Grid, levelGrid } from '../../engine/pipeline/attention-plan.ts'
import type { Injection } from '../../engine/pipeline/guided.ts'
import type { FrameSlot } from '../../engine/pipeline/step-calls.ts'
import { type AttentionMap, characterMasks, resize, stretch } from '../sharing/masks.ts'

/** A character's references as places among the tokens; for each region those that show it. */
export interface CharacterReferences {
  readonly whole: readonly number[]
  readonly regions: readonly (readonly number[])[]
}

export interface InjectorOptions {
  readonly tokens: readonly Float32Array[]
  /** By place in the cast; undefined for characters without references. */
  readonly cast: readonly (CharacterReferences | undefined)[]
  /** Frames of the story, then anchors. */
  readonly images: readonly InjectedImage[]
  /** 0 … 1 */
  readonly strength: number
  /** Face, upper and lower body from references of their own. */
  readonly regions: boolean
  /** Whether the adapter was trained with masks of where its character is; others come in late and leave early. */
  readonly located: boolean
  /** Every reference at every pixel, as an IP-Adapter without masks: what an evaluation compares with. */
  readonly everywhere?: boolean | undefined
  readonly attention: AttentionPlan
  /** Of the latents. */
  readonly grid: Grid
  /** Attention of an image to a group of words so far: each of the cast, then three regions of each. */
  readonly map: (image: number, group: number) => AttentionMap | null
}

interface InjectedImage {
  /** By place in the cast: whether its prompt speaks of the character. */
  readonly depicts: readonly boolean[]
  /** Who has a prompt of their own, column by column from the left; null for an image with one prompt. */
  readonly regional: readonly { readonly character: number }[] | null
}

/** Timesteps: the layout is read at `layout`; from there to `current` the maps of the moment take over. */
const fusion = { layout: layoutTimestep, current: 350 }

export class Injector implements Injection {
  readonly tokens: readonly Float32Array[]
  readonly #options: InjectorOptions
  /** Maps as they were when the layout stood, by image and group of words. */
  readonly #layout = new Map<string, AttentionMap>()

  constructor(options: InjectorOptions) {
    this.#options = options
    this.tokens = options.tokens
  }

  slots(images: readonly number[], timestep: number): FrameSlot[] {
    const { cast, strength, located, everywhere } = this.#options
    const share = strength * (located ? 1 : weight(timestep))
    return images.flatMap((frame) => {
      const here = this.#options.images[frame]!.depicts.flatMap((here, c) => (here && cast[c] ? [c] : []))
      if (everywhere)
        return here.map((c) => ({ frame, references: cast[c]!.whole, mask: this.#filled(share / here.length) }))
      const masks = this.#masks(frame, timestep)
      if (located && timestep > fusion.layout)
        return here.map((c) => ({ frame, references: cast[c]!.whole, mask: this.#column(frame, c, share) }))
      return here.flatMap((c) => this.#slotsOf(frame, c, masks[c] ?? null, share, timestep))
    })
  }

  /** Slots are there from the first step on, at no pixel while nothing is known of where the character is. */
  #slotsOf(frame: number, c: number, mask: Uint8Array | null, share: number, timestep: number): FrameSlot[] {
    const own = this.#options.cast[c]!
    const scaled = (part: Uint8Array | null) => (part ? Float32Array.from(part, (bit) => bit * share) : this.#filled(0))
    const parts = mask && this.#options.regions ? this.#parts(frame, c, mask, timestep) : null
    if (!parts) return [{ frame, references: own.whole, mask: scaled(mask) }]
    return parts.map((part, region) => ({
      frame,
      references: own.regions[region]!.length > 0 ? own.regions[region]! : own.whole,
      mask: scaled(part),
    }))
  }

  #masks(frame: number, timestep: number) {
    const { images, attention, grid } = this.#options
    const maps = images[frame]!.depicts.map((_, character) => this.#fused(frame, character, timestep))
    return characterMasks(maps, levelGrid(grid, attention.maps), grid)
  }

  /** The character's pixels shared out among regions: each goes to the words it attends to most. */
  #parts(frame: number, c: number, mask: Uint8Array, timestep: number): Uint8Array[] | null {
    const { cast, attention, grid } = this.#options
    const from = levelGrid(grid, attention.maps)
    const first = cast.length + c * regionNames.length
    const maps = regionNames.map((_, region) => {
      const map = this.#fused(frame, first + region, timestep)
      return map && stretch(resize(map, from, grid))
    })
    if (maps.every((map) => !map)) return null
    const parts = maps.map(() => new Uint8Array(mask.length))
    for (let p = 0; p < mask.length; p++) {
      if (!mask[p]) continue
      let best = -1
      for (const [region, map] of maps.entries()) if (map && (best < 0 || map[p]! > maps[best]![p]!)) best = region
      parts[best]![p] = 1
    }
    return parts
  }

  /** (1 − η) · layout + η · now, with η going from 0 to 1 between the timesteps of `fusion`. */
  #fused(frame: number, group: number, timestep: number): AttentionMap | null {
    const now = this.#options.map(frame, group)
    if (!now) return null
    const key = `${frame} ${group}`
    if (timestep >= fusion.layout || !this.#layout.has(key)) this.#layout.set(key, stretch(now))
    const eta = Math.min(1, Math.max(0, (fusion.layout - timestep) / (fusion.layout - fusion.current)))
    const layout = this.#layout.get(key)!
    const current = stretch(now)
    return layout.map((value, p) => (1 - eta) * value + eta * current[p]!)
  }

  /** Where nothing is seen yet, a character is somewhere in its column. */
  #column(frame: number, character: number, share: number): Float32Array {
    const { images, grid } = this.#options
    const columns = images[frame]!.regional?.map((prompt) => prompt.character) ?? [character]
    const mask = promptRegionMask(columns.indexOf(character), columns.length, grid)
    return mask.map((value) => value * share)
  }

  #filled(value: number): Float32Array {
    const { width, height } = this.#options.grid
    return new Float32Array(width * height).fill(value)
  }
}

/** How much a published adapter counts: nothing while layout is decided, and a fifth less at the end, for texture. */
function weight(timestep: number): number {
  if (timestep > 900) return 0
  if (timestep > 700) return (900 - timestep) / 200
  return timestep < 150 ? 0.8 : 1
}
