/** Conditions that a sample goes without, so that sampling can do without them too, and guidance has a direction. */
import type { Random } from './random.ts'
import type { SetRecipe } from './set-loss.ts'

/** What of its conditions a sample gets to see. */
export type Drop = 'nothing' | 'text' | 'image' | 'both'

export function drawDrop({ textDrop, imageDrop, bothDrop }: SetRecipe, random: Random): Drop {
  const u = random.uniform()
  if (u < bothDrop) return 'both'
  if (u < bothDrop + textDrop) return 'text'
  return u < bothDrop + textDrop + imageDrop ? 'image' : 'nothing'
}

export const withoutText = (drop: Drop) => drop === 'text' || drop === 'both'
export const withoutImage = (drop: Drop) => drop === 'image' || drop === 'both'
