/**
 * Anchors that a story begins with: those of its bank, and pictures that the request brings. Of the bank, those that
 * the story's settings allow are sampled again, from seed and prompt, which is exact; all others are noised to the level
 * of each step.
 */
import type { BankAnchor, BankHeader } from '../../../../contract/bank.ts'
import { nounPhrase } from '../../../../contract/prompts/description.ts'
import { describe } from '../../../../contract/prompts/frame-prompt.ts'
import { type PromptSegment, withIds, withPlaces } from '../../../../contract/prompts/segment.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { derivedSeed } from '../../engine/diffusion/noise.ts'
import { StoryRejected } from '../types.ts'

export interface PlannedAnchor {
  readonly seed: number
  readonly generation: number
  readonly prompt: readonly PromptSegment[]
  readonly anchorFor: readonly boolean[]
  readonly isGiven: boolean
  /** As a bank keeps it. */
  readonly header: BankAnchor
  readonly source: AnchorSource
}

/** Where its latents come from: an anchor of the bank, by place, or a picture, named by the story at `pointer`. */
export type AnchorSource =
  | { readonly type: 'bank'; readonly place: number }
  | { readonly type: 'picture'; readonly picture: string; readonly pointer: string; readonly character: number }

type Cast = StoryRequest['characters']

/** `repeat`: whether anchors that were sampled can be sampled again. */
export function bankAnchors({ anchors }: BankHeader, cast: Cast, repeat: boolean): PlannedAnchor[] {
  return anchors.map((header, place) => ({
    seed: header.seed,
    generation: header.generation,
    prompt: withPlaces(header.prompt, cast),
    anchorFor: cast.map(({ id }) => header.shows.includes(id)),
    isGiven: !(repeat && header.sampled),
    header,
    source: { type: 'bank', place },
  }))
}

/** Throws `StoryRejected` where there is no picture of a character to begin with. */
export function pictureAnchors(
  { characters: cast, anchors }: Pick<StoryRequest, 'characters' | 'anchors'>,
  { seed, generation }: { seed: number; generation: number },
): PlannedAnchor[] {
  return anchors.map(({ character: id, picture: named }, a) => {
    const character = cast.findIndex((one) => one.id === id)
    const { name, description, references } = cast[character]!
    const picture = named ?? references?.[0]
    const pointer = `/anchors/${a}/picture`
    if (picture === undefined) throw new StoryRejected(`${pointer}: ${id} has no references`)
    const prompt = describe(nounPhrase(description, name), character)
    const own = derivedSeed(seed, -1 - a)
    return {
      ...{ seed: own, generation, prompt },
      anchorFor: cast.map((_, place) => place === character),
      isGiven: true,
      header: { seed: own, generation, sampled: false, shows: [id], prompt: withIds(prompt, cast) },
      source: { type: 'picture', picture, pointer, character },
    }
  })
}
