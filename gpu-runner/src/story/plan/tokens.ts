/** From the prompt of an image to what the text encoders read of it, and which of their tokens speak of whom. */

import { regionNames } from '../../../../contract/prompts/body-regions.ts'
import { namedIn, regionalPrompts, withActions } from '../../../../contract/prompts/regional-prompts.ts'
import type { PromptSegment } from '../../../../contract/prompts/segment.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { chunked, paddedChunks, type WeightedToken } from '../../engine/pipeline/prompt-chunks.ts'
import type { PromptIds } from '../../engine/pipeline/text-encoders.ts'
import { type PromptSyntax, weightedTexts } from './prompt-syntax.ts'

export interface ImageTokens {
  /** The whole prompt. */
  readonly ids: PromptIds
  /** What is read in its place, column by column from the left; null where the whole prompt is read everywhere. */
  readonly regional: readonly RegionalPrompt[] | null
  /** Tokens of what is read, over all regional prompts and their chunks. */
  readonly promptTokens: number
  /** For each of the cast the positions of its words; over all regional prompts, one after the other. */
  readonly characterTokens: readonly (readonly number[])[]
  /** For each of the cast, for each region of its body, the positions of the words about it. */
  readonly regionTokens: readonly (readonly (readonly number[])[])[]
}

/** The prompt of one column of an image, which is about one character. */
interface RegionalPrompt {
  readonly character: number
  readonly ids: PromptIds
}

export interface TokenOptions {
  /** Characters of the cast. */
  readonly cast: number
  /** Whether a prompt about several characters is read as one for each, and actions are among the words of who does them. */
  readonly byColumn: boolean
  readonly reading: Reading
  /** Of the model, which agree on where words begin: SDXL's differ in padding alone. */
  readonly tokenizers: readonly Tokenizer[]
}

/** How prompts are read. */
export interface Reading {
  readonly syntax: PromptSyntax
  /** Tokens that are read of a prompt, over all its chunks. */
  readonly room: number
}

export function imageTokens(
  prompt: readonly PromptSegment[],
  { cast, byColumn, reading, tokenizers }: TokenOptions,
): ImageTokens {
  const tokenised = (segments: readonly PromptSegment[]) =>
    tokenizers.map((tokenizer) => tokenisePrompt(segments, tokenizer, cast, reading))
  const whole = tokenised(byColumn ? withActions(prompt) : prompt)
  const columns = (byColumn ? regionalPrompts(prompt)?.map(tokenised) : null) ?? null
  const order = namedIn(prompt)
  const read = (columns ?? [whole]).map(([first]) => first!)
  return {
    ids: idsOf(whole),
    regional: columns?.map((encoders, i) => ({ character: order[i]!, ids: idsOf(encoders) })) ?? null,
    ...joined(read),
  }
}

/** A text that names no character. */
export function textIds(text: string, tokenizers: readonly Tokenizer[], reading: Reading): PromptIds {
  return idsOf(tokenizers.map((tokenizer) => tokenisePrompt([{ text }], tokenizer, 0, reading)))
}

const idsOf = (encoders: readonly TokenisedPrompt[]): PromptIds => {
  const weights = encoders[0]!.weights
  return { ids: encoders.map(({ ids }) => ids), ...(weights && { weights }) }
}

/** Positions in prompts that follow one after the other. */
function joined(prompts: readonly TokenisedPrompt[]) {
  const starts = prompts.map((_, i) => prompts.slice(0, i).reduce((sum, { ids }) => sum + ids.length, 0))
  const all = (positions: (prompt: TokenisedPrompt) => readonly number[]) =>
    prompts.flatMap((prompt, i) => positions(prompt).map((position) => starts[i]! + position))
  const { tokens, regions } = prompts[0]!
  return {
    promptTokens: prompts.reduce((sum, { ids }) => sum + ids.length, 0),
    characterTokens: tokens.map((_, c) => all((prompt) => prompt.tokens[c]!)),
    regionTokens: regions.map((own, c) => own.map((_, g) => all((prompt) => prompt.regions[c]![g]!))),
  }
}

export interface TokenisedPrompt {
  /** Of its chunks, each of exactly the tokenizer's `modelMaxLength` ids. */
  ids: number[]
  /** Of all ids, where any differs from 1. */
  weights: number[] | undefined
  /** For each character of the cast the positions of its tokens in `ids`; none where it is not in the prompt. */
  tokens: number[][]
  /** For each character of the cast, for each region, the positions of the words about it. */
  regions: number[][][]
}

/**
 * Segment by segment, which equals the whole: they meet at spaces. What does not fit into one chunk of the encoder goes
 * into further ones; what does not fit into `reading.room` is cut off.
 */
export function tokenisePrompt(
  segments: readonly PromptSegment[],
  tokenizer: Tokenizer,
  cast: number,
  { syntax, room }: Reading,
): TokenisedPrompt {
  const length = tokenizer.modelMaxLength
  const all: (WeightedToken & { segment: PromptSegment })[] = []
  const breaks = new Set<number>()
  for (const { text, weight, segment, isBreak } of weightedTexts(segments, syntax)) {
    if (isBreak) breaks.add(all.length)
    else all.push(...tokenizer.encode(text).map((id) => ({ id, weight, segment: segments[segment]! })))
  }
  const most = Math.max(1, Math.floor(room / (length - 2)))
  const comma = most > 1 ? tokenizer.encode(',')[0] : undefined
  const chunks = chunked(all, { size: length - 2, most, comma, breaks })
  const tokens: number[][] = Array.from({ length: cast }, () => [])
  const regions = tokens.map(() => regionNames.map((): number[] => []))
  for (const [c, places] of chunks.places.entries())
    for (const [i, place] of places.entries()) {
      const { character, region } = all[place]!.segment
      // Positions count the begin token of each chunk.
      const position = c * length + 1 + i
      if (character !== undefined) tokens[character]!.push(position)
      if (character !== undefined && region !== undefined) regions[character]![region]!.push(position)
    }
  return { ...paddedChunks(all, chunks, tokenizer), tokens, regions }
}
