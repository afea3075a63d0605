/** What conditions the UNet: prompts, and for SDXL pooled prompts and picture sizes, one row for each frame. */
import type { Tokenizer } from '../io/tokenizer.ts'
import type { EncodedPrompt, PromptIds } from './text-encoders.ts'

/** A row of a UNet call, without its latent. */
export interface ConditioningRow extends EncodedPrompt {
  /** SDXL: original size, crop, target size, each height or top first, in pixels. */
  readonly timeIds: readonly number[] | null
  /** For each adapter the embeddings of its pictures. */
  readonly pictures?: readonly Float32Array[]
  /** Regional prompting: contexts [c·T,X] of the frame's regions, from the left, which take the place of `context`. */
  readonly regionalContexts?: readonly Float32Array[]
}

export interface Conditioning {
  readonly conditional: readonly ConditioningRow[]
  /** What guidance leads away from; null without guidance. */
  readonly unconditional: readonly ConditioningRow[] | null
}

/** [height, width] or [top, left]. */
type Pair = readonly [number, number]

interface PictureSizes {
  readonly original?: Pair | undefined
  readonly crop?: Pair | undefined
  readonly target?: Pair | undefined
}

export interface ConditioningOptions {
  readonly prompts: readonly PromptIds[]
  /** For each prompt those of the frame's regions, from the left; null for a frame that has one prompt. */
  readonly regionalPrompts?: readonly (readonly PromptIds[] | null)[] | undefined
  /** One for each prompt; null where none was given, and undefined without guidance. */
  readonly negatives?: readonly PromptIds[] | null | undefined
  /** Last layers of the text encoder that prompts, not negative ones, leave out. */
  readonly clipSkip?: number | undefined
  /** Of the pictures to make, in pixels. */
  readonly size: Pair
  readonly sizes?: PictureSizes | undefined
  /** The same for the unconditional rows; as `sizes` unless both original and target are given. */
  readonly negativeSizes?: PictureSizes | undefined
}

interface Encoder {
  readonly text: {
    readonly tokenizers: readonly Tokenizer[]
    readonly length: number
    encode(prompts: readonly PromptIds[], skip?: number): Promise<EncodedPrompt[]>
  }
  readonly takesSizes: boolean
  readonly zerosForEmptyPrompt: boolean
}

export async function encodeConditioning(
  { text, takesSizes, zerosForEmptyPrompt }: Encoder,
  { prompts, regionalPrompts, negatives, clipSkip = 0, size, sizes, negativeSizes }: ConditioningOptions,
): Promise<Conditioning> {
  const timeIds = takesSizes ? pictureSizes(size, sizes) : null
  const all = await text.encode([...prompts, ...(regionalPrompts ?? []).flatMap((own) => own ?? [])], clipSkip)
  const encoded = all.slice(0, prompts.length)
  let next = prompts.length
  const conditional = encoded.map((prompt, row): ConditioningRow => {
    const regionalContexts = regionalPrompts?.[row]?.map(() => all[next++]!.context)
    return { ...prompt, timeIds, ...(regionalContexts && { regionalContexts }) }
  })
  if (negatives === undefined) return { conditional, unconditional: null }
  const away =
    takesSizes && negativeSizes?.original && negativeSizes.target ? pictureSizes(size, negativeSizes) : timeIds
  const against =
    negatives === null && zerosForEmptyPrompt
      ? encoded.map(({ context, pooled }) => ({ context: zeros(context), pooled: pooled && zeros(pooled) }))
      : await text.encode(negatives ?? prompts.map(() => promptIds('', text)))
  return { conditional, unconditional: against.map((prompt) => ({ ...prompt, timeIds: away })) }
}

/** A text for every encoder of a model, in one chunk; what does not fit is cut off. */
export function promptIds(
  prompt: string,
  { tokenizers, length }: { tokenizers: readonly Tokenizer[]; length: number },
): PromptIds {
  return { ids: tokenizers.map((tokenizer) => tokenizer.padded(tokenizer.encode(prompt), length)) }
}

function pictureSizes(size: Pair, { original = size, crop = [0, 0], target = size }: PictureSizes = {}): number[] {
  return [...original, ...crop, ...target]
}

const zeros = (values: Float32Array) => new Float32Array(values.length)
