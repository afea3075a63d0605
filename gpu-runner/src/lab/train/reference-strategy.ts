/**
 * Shuffling Reference Strategy: which pictures of a character each frame gets to see. Never itself, so that identity is
 * all that a reference can say; often several at once; sometimes only a part; and sometimes none.
 */

import type { Region } from '../../story/references/cut-out.ts'
import { parts } from './captions.ts'
import type { Random } from './random.ts'

export interface ReferenceRecipe {
  /** Places in a step for a region of a frame with its references; what does not fit goes without. */
  slots: number
  /** Different reference pictures in a step. */
  references: number
  /** At most so many a slot: k ~ U{1 … perSlot}. */
  perSlot: number
  /** Share of characters that get one reference for each of their parts instead of whole pictures. */
  regions: number
  /** Share of characters whose references come from frames outside the set. */
  elsewhere: number
}

/** One picture: source frame `frame` of set `set`, where the frames outside the set come last. */
interface ReferencePlace {
  set: number
  frame: number
  character: number
  region: Region
}

interface SlotPlan {
  set: number
  frame: number
  character: number
  region: Region
  /** Positions in `references`. */
  references: number[]
}

export interface ReferencePlan {
  slots: SlotPlan[]
  references: ReferencePlace[]
}

/** What a set has: `seen[frame][character]` holds the regions that frame shows well enough; `frames` are the set's own. */
export interface SetView {
  frames: number
  seen: readonly (readonly (readonly Region[])[])[]
}

/** An order of 0 … n−1 in which each is followed by another: with π = next, π(i) ≠ i for n > 1. */
export function randomCycle(n: number, random: Random): number[] {
  const order = Array.from({ length: n }, (_, i) => i)
  for (let i = n - 1; i > 0; i--) {
    const j = random.below(i + 1)
    ;[order[i], order[j]] = [order[j]!, order[i]!]
  }
  return order
}

/** `present[set][frame][character]`, and `withheld[set][frame]` for frames that are to go without references. */
export function planReferences(
  sets: readonly SetView[],
  present: readonly (readonly (readonly boolean[])[])[],
  withheld: readonly (readonly boolean[])[],
  recipe: ReferenceRecipe,
  random: Random,
): ReferencePlan {
  const wishes = sets.flatMap(({ frames, seen }, set) => {
    const cast = seen[0]!.length
    return Array.from({ length: cast }, (_, character) => {
      const order = randomCycle(frames, random)
      const outside = Array.from({ length: seen.length - frames }, (_, i) => frames + i)
      const first = random.uniform() < recipe.elsewhere ? outside : []
      const inParts = random.uniform() < recipe.regions
      return order.flatMap((frame, at) => {
        const k = inParts ? 1 : 1 + random.below(recipe.perSlot)
        if (!present[set]![frame]![character] || withheld[set]![frame]) return []
        const sources = [...first, ...order.slice(at + 1), ...order.slice(0, at)]
        const regions: Region[] = inParts ? parts.map((_, part) => part) : ['whole']
        return regions.map((region) => ({
          ...{ set, frame, character, region },
          sources: sources.filter((source) => seen[source]![character]!.includes(region)).slice(0, k),
        }))
      })
    }).flat()
  })
  return fit(shuffled(wishes, random), recipe)
}

/** As many wishes as there are places; a picture that several slots show is there once. */
function fit(wishes: readonly (Omit<SlotPlan, 'references'> & { sources: number[] })[], recipe: ReferenceRecipe) {
  const plan: ReferencePlan = { slots: [], references: [] }
  for (const { sources, ...slot } of wishes) {
    if (plan.slots.length === recipe.slots) break
    const { set, character, region } = slot
    const references = sources.flatMap((frame) => {
      const known = plan.references.findIndex(
        (other) =>
          other.set === set && other.frame === frame && other.character === character && other.region === region,
      )
      if (known >= 0) return [known]
      if (plan.references.length === recipe.references) return []
      return [plan.references.push({ set, frame, character, region }) - 1]
    })
    if (references.length > 0) plan.slots.push({ ...slot, references })
  }
  return plan
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  return randomCycle(values.length, random).map((i) => values[i]!)
}
