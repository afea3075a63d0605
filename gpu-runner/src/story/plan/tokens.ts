/** From the prompt of an image to what the text encoders read of it, and which of their tokens speak of whom. */

import { regionNames } from '../../../../contract/prompts/body-regions.ts'
import { namedIn, regionalPrompts, withActions } from '../../../../contract/prompts/regional-prompts.ts'
import type { PromptSegment } from '../../../../contract/prompts/segment.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import type { PromptIds } from '../../engine/pipeline/text-encoders.ts'

export interface ImageTokens {
  /** The whole prompt. */
  readonly ids: PromptIds
  /** What is read in its place, column by column from the left; null where the whole prompt is read everywhere. */
  readonly regional: readonly RegionalPrompt[] | null
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
  /** Of the model, which agree on where words begin: SDXL's differ in padding alone. */
  readonly tokenizers: readonly Tokenizer[]
}

export function imageTokens(
  prompt: readonly PromptSegment[],
  { cast, byColumn, tokenizers }: TokenOptions,
): ImageTokens {
  const tokenised = (segments: readonly PromptSegment[]) =>
    tokenizers.map((tokenizer) => tokenisePrompt(segments, tokenizer, cast))
  const whole = tokenised(byColumn ? withActions(prompt) : prompt)
  const columns = (byColumn ? regionalPrompts(prompt)?.map(tokenised) : null) ?? null
  const order = namedIn(prompt)
  const read = (columns ?? [whole]).map(([first]) => first!)
  return {
    ids: idsOf(whole),
    regional: columns?.map((encoders, i) => ({ character: order[i]!, ids: idsOf(encoders) })) ?? null,
    ...joined(read, tokenizers[0]!.modelMaxLength),
  }
}

/** A text that names no character. */
export function textIds(text: string, tokenizers: readonly Tokenizer[]): PromptIds {
  return idsOf(tokenizers.map((tokenizer) => tokenisePrompt([{ text }], tokenizer, 0)))
}

const idsOf = (encoders: readonly TokenisedPrompt[]): PromptIds => encoders.map(({ ids }) => ids)

/** Positions in prompts of `length` tokens that follow one after the other. */
function joined(prompts: readonly TokenisedPrompt[], length: number) {
  const all = (positions: (prompt: TokenisedPrompt) => readonly number[]) =>
    prompts.flatMap((prompt, i) => positions(prompt).map((position) => i * length + position))
  const { tokens, regions } = prompts[0]!
  return {
    characterTokens: tokens.map((_, c) => all((prompt) => prompt.tokens[c]!)),
    regionTokens: regions.map((own, c) => own.map((_, g) => all((prompt) => prompt.regions[c]![g]!))),
  }
}

export interface TokenisedPrompt {
  /** Exactly the tokenizer's `modelMaxLength` ids. */
  ids: number[]
  /** For each character of the cast the positions of its tokens in `ids`; none where it is not in the prompt. */
  tokens: number[][]
  /** For each character of the cast, for each region, the positions of the words about it. */
  regions: number[][][]
}

/** Segment by segment, which equals the whole: they meet at spaces. What does not fit into the encoder is cut off. */
export function tokenisePrompt(
  segments: readonly PromptSegment[],
  tokenizer: Tokenizer,
  cast: number,
): TokenisedPrompt {
  const length = tokenizer.modelMaxLength
  const ids: number[] = []
  const tokens: number[][] = Array.from({ length: cast }, () => [])
  const regions = tokens.map(() => regionNames.map((): number[] => []))
  for (const { text, character, region } of segments) {
    const own = tokenizer.encode(text)
    // Positions count the begin token; the last place belongs to the end token.
    const positions = own.map((_, i) => ids.length + 1 + i).filter((position) => position < length - 1)
    ids.push(...own)
    if (character !== undefined) tokens[character]!.push(...positions)
    if (character !== undefined && region !== undefined) regions[character]![region]!.push(...positions)
  }
  return { ids: tokenizer.padded(ids, length), tokens, regions }
}
