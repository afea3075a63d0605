/** From a story's prompts to what the text encoder reads: names give way to what the characters look like. */
import { castOfFrames } from '../../../../contract/frame-cast.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import type { PromptIds } from '../../engine/pipeline/text-encoders.ts'
import { describedParts, regionNames } from '../references/regions.ts'
import { nounPhrase, shortForm } from './description.ts'
import type { PromptSegment } from './prompt-segment.ts'
import { columnPrompts, withDeeds } from './regional-prompts.ts'

export interface TokenisedPrompt {
  /** Exactly the tokenizer's `modelMaxLength` ids. */
  ids: number[]
  /** For each character of the cast the positions of its tokens in `ids`; none where it is not in the frame. */
  tokens: number[][]
  /** For each character of the cast, for each region, the positions of the words about it. */
  regions: number[][][]
  /** The end of the prompt that did not fit into the encoder; '' when all of it did. */
  cut: string
}

/** One for each frame, or row. */
export interface CastPrompts {
  readonly prompts: readonly PromptIds[]
  /** Those that take its place, from the left, or null. */
  readonly columns: readonly (readonly PromptIds[] | null)[]
  /** For each character, the positions of its tokens, which count over all columns. */
  readonly tokens: readonly (readonly (readonly number[])[])[]
  /** For each character, for each region, the positions of the words about it. */
  readonly regions: readonly (readonly (readonly (readonly number[])[])[])[]
  /** Null where the story has no negative prompt. */
  readonly negatives: readonly PromptIds[] | null
}

/**
 * Prompts of a `cast` for a model's tokenizers, which agree on where words begin: SDXL's differ in padding alone. With
 * `byColumn` a prompt about several characters is also written as one for each, and deeds are among the words of who does
 * them.
 */
export function castPrompts(
  rows: readonly (readonly PromptSegment[])[],
  { cast, negative, byColumn }: { cast: number; negative: string | null; byColumn: boolean },
  { tokenizers, length }: { tokenizers: readonly Tokenizer[]; length: number },
): CastPrompts {
  const written = (segments: readonly PromptSegment[]) =>
    tokenizers.map((tokenizer) => tokenisePrompt(segments, tokenizer, cast))
  const whole = rows.map((segments) => written(byColumn ? withDeeds(segments) : segments))
  const cut = rows.map((segments) => (byColumn ? (columnPrompts(segments)?.map(written) ?? null) : null))
  const idsOf = (encoders: readonly TokenisedPrompt[]) => encoders.map(({ ids }) => ids)
  const places = whole.map((encoders, row) =>
    joined(
      (cut[row] ?? [encoders]).map(([first]) => first!),
      length,
    ),
  )
  const against = negative && idsOf(written([{ text: negative }]))
  return {
    prompts: whole.map(idsOf),
    columns: cut.map((columns) => columns?.map(idsOf) ?? null),
    tokens: places.map(({ tokens }) => tokens),
    regions: places.map(({ regions }) => regions),
    negatives: against ? rows.map(() => against) : null,
  }
}

/** Positions in prompts of `length` tokens that stand one after the other. */
function joined(prompts: readonly TokenisedPrompt[], length: number): Pick<TokenisedPrompt, 'tokens' | 'regions'> {
  const all = (positions: (prompt: TokenisedPrompt) => readonly number[]) =>
    prompts.flatMap((prompt, i) => positions(prompt).map((position) => i * length + position))
  const { tokens, regions } = prompts[0]!
  return {
    tokens: tokens.map((_, c) => all((prompt) => prompt.tokens[c]!)),
    regions: regions.map((own, c) => own.map((_, g) => all((prompt) => prompt.regions[c]![g]!))),
  }
}

/**
 * A frame's prompt with its style and cast put in. The first mention of a character becomes its description, later ones a
 * short form of it ("the gray fox"); a character that the frame lists but the prompt does not name is described at the
 * beginning.
 */
export function framePrompt(request: StoryRequest, index: number): PromptSegment[] {
  const { characters, stretches } = castOfFrames(request)[index]!
  const phrases = request.characters.map(({ name, description }) => nounPhrase(description, name))
  const seen = new Set<number>()
  const written = stretches.flatMap(({ text, character }): PromptSegment[] => {
    if (character === undefined) return text.trim() === '' ? [] : [{ text: text.trim() }]
    const phrase = phrases[character]!
    if (seen.has(character)) return [{ text: shortForm(phrase), character }]
    seen.add(character)
    return describe(phrase, character)
  })
  const unnamed = characters
    .filter((character) => !seen.has(character))
    .flatMap((character) => [...describe(phrases[character]!, character), { text: ',' }])
  const style = request.style ? [{ text: `${request.style} ,` }] : []
  return [...style, ...unnamed, ...written]
}

/** A character's description as a noun phrase, cut where it goes from one part of the body to another. */
export function describe(phrase: string, character: number): PromptSegment[] {
  return describedParts(phrase).map((part) => ({ ...part, character }))
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
  return { ids: tokenizer.padded(ids, length), tokens, regions, cut: tokenizer.cut(ids, length) }
}
