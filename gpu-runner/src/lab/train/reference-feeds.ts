/** Reference pictures of a step on sets, and the places where each of them is seen. */

import { layoutTimestep, promptRegionMask } from '../../engine/diffusion/regional-prompts.ts'
import { CharacterEncoderConfig } from '../../engine/models/character-encoder.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { type Region, seenRegions } from '../../story/references/cut-out.ts'
import { parts } from './captions.ts'
import { type Drop, withoutImage } from './drops.ts'
import type { Random } from './random.ts'
import { planReferences, type ReferencePlan } from './reference-strategy.ts'
import { shuffledReference } from './references.ts'
import type { SetModel, SetRecipe } from './set-loss.ts'
import type { FrameSet } from './sets.ts'
import { hidden } from './sharing-feeds.ts'

export function referenceFeeds(
  sets: readonly FrameSet[],
  drops: readonly Drop[],
  sigma: readonly number[],
  { identity, latentShape }: SetModel,
  recipe: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const { frames: n, references: strategy } = recipe
  const views = sets.map(({ references }) => ({ frames: n, seen: references.map((frame) => frame.map(seenRegions)) }))
  const present = sets.map(({ frames, references }) =>
    frames.map(({ cast }) => references[0]!.map((_, character) => cast.includes(character))),
  )
  const withheld = sets.map((_, s) => Array.from({ length: n }, (_, i) => withoutImage(drops[s * n + i]!)))
  const plan = planReferences(views, present, withheld, strategy, random)
  const { size } = CharacterEncoderConfig.parse(identity.encoder)
  const pixels = new Float32Array(strategy.references * 3 * size * size)
  const others = sets.flatMap(({ references }) => references.flat().filter((reference) => reference !== null))
  for (const [r, { set, frame, character, region }] of plan.references.entries()) {
    const reference = sets[set]!.references[frame]![character]!
    pixels.set(shuffledReference(reference, region, size, random, others), r * 3 * size * size)
  }
  return {
    pixels: { data: pixels, shape: [strategy.references, 3, size, size] },
    ...slotFeeds(plan, sets, sigma, identity.adapter.tokens, latentShape, recipe, random),
  }
}

function slotFeeds(
  plan: ReferencePlan,
  sets: readonly FrameSet[],
  sigma: readonly number[],
  tokens: number,
  [, height, width]: readonly [number, number, number],
  { frames: n, references: { slots, references, perSlot } }: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const rows = new Float32Array(slots * sets.length * n)
  const chosen = new Float32Array(slots * perSlot * references)
  const tokenBias = new Float32Array(slots * perSlot * tokens).fill(hidden)
  const masks = new Float32Array(slots * height * width)
  for (const [p, { set, frame, character, region, references: own }] of plan.slots.entries()) {
    rows[p * sets.length * n + set * n + frame] = 1
    for (const [k, reference] of own.entries()) {
      chosen[(p * perSlot + k) * references + reference] = 1
      tokenBias.fill(0, (p * perSlot + k) * tokens, (p * perSlot + k + 1) * tokens)
    }
    const { masks: truth, cast } = sets[set]!.frames[frame]!
    const mask = regionMask(truth, character, region, height * width)
    // As at sampling: early the whole region of its prompt, since the place is not known yet; later masks that are not exact.
    const early = 1000 * sigma[set * n + frame]! > layoutTimestep
    const known = () => (random.uniform() < 0.5 ? widened(mask, height, width) : mask)
    const place = early ? promptRegionMask(cast.indexOf(character), cast.length, { height, width }) : known()
    masks.set(place, p * height * width)
  }
  return {
    slotRows: { data: rows, shape: [slots, sets.length * n] },
    slotReferences: { data: chosen, shape: [slots * perSlot, references] },
    slotTokenBias: { data: tokenBias, shape: [slots, 1, 1, perSlot * tokens] },
    slotMasks: { data: masks, shape: [slots, 1, height, width] },
  }
}

/** Where a region of a character is, 0 … 1. */
function regionMask(masks: Uint8Array, character: number, region: Region, pixels: number): Float32Array {
  const out = new Float32Array(pixels)
  for (let part = 0; part < parts.length; part++)
    if (region === 'whole' || region === part)
      for (let p = 0; p < pixels; p++) out[p]! += masks[(character * parts.length + part) * pixels + p]! / 255
  return out.map((value) => Math.min(1, value))
}

/** The largest value of each pixel and its eight neighbours. */
function widened(mask: Float32Array, height: number, width: number): Float32Array {
  return mask.map((_, p) => {
    const [y, x] = [Math.floor(p / width), p % width]
    let most = 0
    for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++)
      for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) most = Math.max(most, mask[v * width + u]!)
    return most
  })
}
