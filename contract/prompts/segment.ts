/** A stretch of a prompt that speaks of one character, of one region of its body, or of neither. */
import type { BankAnchor } from '../bank.ts'

export interface PromptSegment {
  text: string
  /** Place in the story's cast of whom it names or describes. */
  character?: number
  /** Place in `regionNames` of the part of the body that it speaks of. */
  region?: number
}

type Cast = readonly { readonly id: string }[]

/** As a bank keeps a prompt: with the ids of characters. */
export function withIds(prompt: readonly PromptSegment[], cast: Cast): BankAnchor['prompt'] {
  return prompt.map(({ text, character, region }) => ({
    text,
    ...(character !== undefined && { character: cast[character]!.id }),
    ...(region !== undefined && { region }),
  }))
}

/** As a story reads a prompt of its bank: with places in its cast, which has all of the bank's characters. */
export function withPlaces(prompt: BankAnchor['prompt'], cast: Cast): PromptSegment[] {
  return prompt.map(({ text, character, region }) => ({
    text,
    ...(character !== undefined && { character: cast.findIndex(({ id }) => id === character) }),
    ...(region !== undefined && { region }),
  }))
}
