/** A window over an endless row of training items: each is made once and met several times. */
import type { Random } from './random.ts'

export interface WindowRecipe {
  /** New items in a batch; the rest has been seen before. */
  fresh: number
  /** Items that are kept. */
  capacity: number
}

/**
 * Batch n holds `fresh` items that come next in the row and others drawn from the `capacity` before them. Which ones is
 * a function of seed and step, and what is not at hand is made again, so that a resumed run meets the same items.
 */
export class Window<T> {
  readonly #recipe: WindowRecipe
  readonly #make: (indices: readonly number[]) => Promise<readonly T[]>
  readonly #kept = new Map<number, T>()

  /** `make` gives the items at these places of the row. */
  constructor(recipe: WindowRecipe, make: (indices: readonly number[]) => Promise<readonly T[]>) {
    this.#recipe = recipe
    this.#make = make
  }

  async batch(step: number, size: number, random: Random): Promise<T[]> {
    const { fresh, capacity } = this.#recipe
    const next = step * fresh
    const first = Math.max(0, next - capacity)
    const indices = Array.from({ length: size }, (_, i) =>
      i < fresh || next === first ? next + i : first + random.below(next - first),
    )
    const missing = [...new Set(indices)].filter((index) => !this.#kept.has(index))
    if (missing.length > 0)
      for (const [i, item] of (await this.#make(missing)).entries()) this.#kept.set(missing[i]!, item)
    for (const index of this.#kept.keys()) if (index < first) this.#kept.delete(index)
    return indices.map((index) => this.#kept.get(index)!)
  }
}
