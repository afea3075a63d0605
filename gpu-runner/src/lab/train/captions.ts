/** Captions as the text encoder takes them: token ids, and which tokens name which part of which character. */
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { captionFrame, captionStyle, captionText } from '../storydb/caption.ts'
import { randomFrames } from '../storydb/frames.ts'
import type { Level } from '../storydb/levels.ts'
import type { Caption, Frame, Part, Segment } from '../storydb/types.ts'

/** Parts of up to three characters: the columns of a token selector. */
export const parts: readonly Part[] = ['face', 'upper', 'lower']
export const maxCharacters = 3
export const groups = maxCharacters * parts.length

/** Caption tokens, begin and end included: room for three characters described in full. */
export const captionTokens = 80

export interface TokenisedCaption {
  /** `captionTokens` ids, begin, end and padding included. */
  ids: number[]
  /** For each of `groups` (character · 3 + part) the positions of its tokens in `ids`. */
  groups: number[][]
}

/** Segments are tokenised one by one, which equals tokenising the whole: they meet at spaces. */
export function tokenise(segments: readonly Segment[], tokenizer: Tokenizer): TokenisedCaption {
  const ids: number[] = []
  const found: number[][] = Array.from({ length: groups }, () => [])
  for (const { text, character, part } of segments) {
    const own = tokenizer.encode(text)
    const positions = own.map((_, i) => ids.length + i + 1).filter((position) => position < captionTokens - 1)
    ids.push(...own)
    if (character === undefined || character >= maxCharacters) continue
    // A segment that names the character as a whole speaks of all of its parts.
    for (const [i, name] of parts.entries())
      if (part === undefined || part === name) found[character * parts.length + i]!.push(...positions)
  }
  return { ids: tokenizer.padded(ids, captionTokens), groups: found }
}

/** Caption `variant` of one frame of set `index`. */
export function drawCaption(seed: number, index: number, level: Level): { frame: Frame; caption: Caption } {
  const [frame] = randomFrames(seed, index, 1, { level, split: 'train' })
  return { frame: frame!, caption: captionFrame(frame!, { variant: seed ^ index, style: captionStyle(level) }) }
}

/** Caption texts to learn a vocabulary from, of these levels in turn. */
export function* captionTexts(seed: number, count: number, levels: readonly Level[]): Generator<string> {
  for (let i = 0; i < count; i++) {
    const { caption } = drawCaption(seed, i, levels[i % levels.length]!)
    yield captionText(caption)
  }
}
