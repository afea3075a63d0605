/**
 * A prompt in chunks, each as long as a text encoder takes: begin, up to T − 2 tokens, end, padding. Chunks are encoded
 * one by one, and the UNet attends to all of them side by side.
 */
import type { Tokenizer } from '../io/tokenizer.ts'

/** A token with how much it counts; a break ends its chunk. */
export interface WeightedToken {
  readonly id: number
  readonly weight: number
}

export interface PromptChunks {
  /** For each chunk the tokens in it, by place in what was given; the first of chunk c is at position c·T + 1. */
  readonly places: readonly (readonly number[])[]
}

/** Tokens before a full chunk's end in which a comma is looked for, to end the chunk there (A1111's default). */
const commaWithin = 20

/**
 * `tokens` in chunks of at most `size`, at most `most` of them; what is left then is cut off. A chunk that is full ends
 * behind its last comma if that is near. `breaks` are places before which a new chunk begins. At least one chunk.
 */
export function chunked(
  tokens: readonly WeightedToken[],
  { size, most, comma, breaks }: { size: number; most: number; comma: number | undefined; breaks: ReadonlySet<number> },
): PromptChunks {
  const places: number[][] = [[]]
  for (const [place, { id }] of tokens.entries()) {
    const current = places.at(-1)!
    if (breaks.has(place)) places.push([place])
    else if (current.length < size) current.push(place)
    else {
      // The last chunk that there may be is filled to its end.
      const isLast = places.length >= most
      const last = isLast ? -1 : current.findLastIndex((own) => tokens[own]!.id === comma)
      const isNear = last >= 0 && last < size - 1 && size - last <= commaWithin && id !== comma
      places.push([...(isNear ? current.splice(last + 1) : []), place])
    }
    if (places.length > most) return { places: places.slice(0, most) }
  }
  return { places }
}

/** Ids, and weights where any differs from 1, of chunks of exactly `length` each, one after the other. */
export function paddedChunks(
  tokens: readonly WeightedToken[],
  { places }: PromptChunks,
  tokenizer: Tokenizer,
): { ids: number[]; weights: number[] | undefined } {
  const length = tokenizer.modelMaxLength
  const ids = places.flatMap((own) =>
    tokenizer.padded(
      own.map((place) => tokens[place]!.id),
      length,
    ),
  )
  const weights = new Array<number>(ids.length).fill(1)
  for (const [chunk, own] of places.entries())
    for (const [i, place] of own.entries()) weights[chunk * length + 1 + i] = tokens[place]!.weight
  return { ids, weights: weights.some((weight) => weight !== 1) ? weights : undefined }
}
