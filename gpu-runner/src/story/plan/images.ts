/** The images of a story: its frames, then the anchors, with who is in each and for whom others attend to it. */

import { framePrompts } from '../../../../contract/prompts/frame-prompt.ts'
import type { PromptSegment } from '../../../../contract/prompts/segment.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { derivedSeed } from '../../engine/diffusion/noise.ts'
import { chooseAnchors, type SharedImage } from '../sharing/amsa.ts'
import type { PlannedAnchor } from './anchors.ts'
import type { ImageTokens } from './tokens.ts'

interface PlannedImage extends SharedImage, ImageTokens {
  /** With looks in place of names; `character` is the place in the story's cast. */
  readonly prompt: readonly PromptSegment[]
}

export interface StoryImages {
  /** Frames of the story, then anchors. */
  readonly images: readonly PlannedImage[]
  /** For each frame the image that is its picture: an anchor where the frame is that very anchor, sampled once more. */
  readonly imageOf: readonly number[]
}

export interface ImageOptions {
  /** Of the story. */
  readonly seed: number
  /** Of the frames. */
  readonly generation: number
  readonly anchors: readonly PlannedAnchor[]
  readonly tokensOf: (prompt: readonly PromptSegment[]) => ImageTokens
}

export function storyImages(story: StoryRequest, { seed, generation, anchors, tokensOf }: ImageOptions): StoryImages {
  const prompts = framePrompts(story)
  const frames = story.frames.map((frame, f) => {
    const prompt = prompts[f]!
    const tokens = tokensOf(prompt)
    return { seed: frame.seed ?? derivedSeed(seed, f), prompt, tokens, depicts: depictedBy(tokens) }
  })
  const imageOf = frames.map(({ seed, prompt }, f) => {
    const same = anchors.findIndex(
      (anchor) => anchor.header.sampled && anchor.seed === seed && wording(anchor.prompt) === wording(prompt),
    )
    return same < 0 ? f : frames.length + same
  })
  const covered = story.characters.map((_, c) => anchors.some(({ anchorFor }) => anchorFor[c]))
  // A frame that is an anchor already need not become another one.
  const anchorFor = chooseAnchors(
    frames.map(({ depicts }, f) => (imageOf[f] === f ? depicts : depicts.map(() => false))),
    covered,
  )
  return {
    images: [
      ...frames.map(({ seed, prompt, tokens, depicts }, f) => ({
        ...{ seed, prompt, ...tokens, depicts },
        ...{ generation, anchorFor: anchorFor[f]!, isGiven: false },
      })),
      ...anchors.map(({ seed, prompt, generation, anchorFor, isGiven }) => {
        const tokens = tokensOf(prompt)
        return { seed, prompt, ...tokens, depicts: depictedBy(tokens), generation, anchorFor, isGiven }
      }),
    ],
    imageOf,
  }
}

/** Characters with words that the encoder reads. */
const depictedBy = ({ characterTokens }: ImageTokens) => characterTokens.map((positions) => positions.length > 0)

/** To compare prompts by; without what is undefined. */
const wording = (prompt: readonly PromptSegment[]) => JSON.stringify(prompt.map((p) => [p.text, p.character, p.region]))
