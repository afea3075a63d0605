/** The text encoders of a model, one for SD and two for SDXL, as one function from token ids to embeddings. */
import { concat, reshape } from '../graph/shape.ts'
import { input, node, type Value } from '../graph/value.ts'
import type { Tokenizer } from '../io/tokenizer.ts'
import { ClipTextConfig, clipText, finalNorm, pooledText, projectedText } from '../models/clip-text.ts'
import type { Lora } from '../runtime/lora.ts'
import { changedWeights } from '../runtime/model-weights.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { Part } from './part.ts'
import { ModelError, type ModelKind, type ModelPart, type ModelSource } from './source.ts'

/** One prompt, for each encoder the ids of its chunks, each of exactly `length`, one after the other. */
export interface PromptIds {
  readonly ids: readonly (readonly number[])[]
  /** How much each token counts; 1 where left out. */
  readonly weights?: readonly number[] | undefined
}

export interface EncodedPrompt {
  /** [T,X], the encoders' states side by side; [c·T,X] of a prompt in c chunks. */
  readonly context: Float32Array
  /** [P], SDXL only: of the first chunk. */
  readonly pooled: Float32Array | null
}

export interface TextEncoders {
  /** One for each encoder. */
  readonly tokenizers: readonly Tokenizer[]
  /** Tokens of every chunk of a prompt, T. */
  readonly length: number
  /** Widths of `context` and `pooled`. */
  readonly width: number
  readonly pooledWidth: number
  /** Layers that can be skipped. */
  readonly layers: number
  /** `skip` further layers are left out before the one whose state is taken. */
  encode(prompts: readonly PromptIds[], skip?: number): Promise<EncodedPrompt[]>
  readonly parts: readonly Part[]
}

/** Prompts in one run of an encoder: bounds the memory for the hidden states of all layers. */
const batch = 8

export function buildTextEncoders(
  source: ModelSource,
  options: SessionOptions,
  loras: readonly Lora[] = [],
): TextEncoders {
  const names = encoderNames(source.kind)
  const tokenizers = names.map((_, place) => source.tokenizer(place))
  const [length] = tokenizers.map(({ modelMaxLength }) => modelMaxLength) as [number]
  if (tokenizers.some(({ modelMaxLength }) => modelMaxLength !== length))
    throw new ModelError(`${source.name}: its tokenizers have different lengths, ${length} the first`)
  const twofold = source.kind === 'sdxl'
  const encoders = names.map((name) => buildEncoder(source.part(name), name, { length, options, loras, twofold }))
  for (const [i, { config }] of encoders.entries())
    if (tokenizers[i]!.size > config.vocabulary)
      throw new ModelError(
        `${source.path}: its tokenizer ${i + 1} has ${tokenizers[i]!.size} entries, and its ${names[i]} reads ` +
          `${config.vocabulary}; they belong to different models`,
      )
  const width = encoders.reduce((sum, { config }) => sum + config.width, 0)
  return {
    tokenizers,
    length,
    width,
    pooledWidth: twofold ? encoders.at(-1)!.config.projection : 0,
    layers: Math.min(...encoders.map(({ usual }) => usual)),
    parts: encoders.map(({ part }) => part),
    async encode(prompts, skip = 0) {
      const chunks = prompts.map((prompt) => chunksOf(prompt, length))
      const distinct = [...new Map(chunks.flat().map((chunk) => [chunk.key, chunk])).values()]
      const encoded = new Map<string, EncodedPrompt>()
      for (let from = 0; from < distinct.length; from += batch) {
        const some = distinct.slice(from, from + batch)
        const rows = await runEncoders(encoders, some, length, skip)
        for (const [i, { key }] of some.entries()) encoded.set(key, rows[i]!)
      }
      return chunks.map((own) => inARow(own.map(({ key }) => encoded.get(key)!)))
    },
  }
}

interface Chunk extends PromptIds {
  readonly key: string
}

/** A prompt's chunks, each with a name that tells it from others. */
function chunksOf({ ids, weights }: PromptIds, length: number): Chunk[] {
  const count = ids[0]!.length / length
  return Array.from({ length: count }, (_, c) => {
    const own = <T>(values: readonly T[]) => values.slice(c * length, (c + 1) * length)
    const chunk = { ids: ids.map(own), weights: weights && own(weights) }
    return { ...chunk, key: JSON.stringify(chunk) }
  })
}

function inARow(chunks: readonly EncodedPrompt[]): EncodedPrompt {
  const [first] = chunks as [EncodedPrompt]
  if (chunks.length === 1) return first
  const context = new Float32Array(chunks.length * first.context.length)
  for (const [c, own] of chunks.entries()) context.set(own.context, c * first.context.length)
  return { ...first, context }
}

async function runEncoders(
  encoders: readonly Encoder[],
  prompts: readonly Chunk[],
  length: number,
  skip: number,
): Promise<EncodedPrompt[]> {
  const states: { data: Float32Array; width: number }[] = []
  let pooled: Float32Array | null = null
  for (const [i, { part, config, usual }] of encoders.entries()) {
    if (skip > usual) throw new RangeError(`${part.name}: ${skip} layers are to be skipped, and there are ${usual}`)
    const ids = BigInt64Array.from(
      prompts.flatMap((chunk) => chunk.ids[i]!),
      BigInt,
    )
    const outputs = await part.run({
      ids: { data: ids, shape: [prompts.length, length] },
      layer: { data: BigInt64Array.of(BigInt(usual - skip)), shape: [1] },
    })
    const data = outputs.context!.data as Float32Array
    for (const [row, { weights }] of prompts.entries()) {
      const size = length * config.width
      if (weights) weigh(data.subarray(row * size, (row + 1) * size), weights, config.width)
    }
    states.push({ data, width: config.width })
    if (outputs.pooled) pooled = outputs.pooled.data as Float32Array
  }
  const size = pooled ? pooled.length / prompts.length : 0
  return prompts.map((_, row) => ({
    context: sideBySide(states, row, length),
    pooled: pooled?.slice(row * size, (row + 1) * size) ?? null,
  }))
}

interface Encoder {
  readonly part: Part
  readonly config: ClipTextConfig
  /** The layer that is taken when none are skipped. */
  readonly usual: number
}

type EncoderName = 'text_encoder' | 'text_encoder_2'

/** The text encoders of a kind of model, in the order in which their states are joined. */
export const encoderNames = (kind: ModelKind): readonly EncoderName[] =>
  kind === 'sdxl' ? ['text_encoder', 'text_encoder_2'] : ['text_encoder']

interface EncoderOptions {
  readonly length: number
  readonly options: SessionOptions
  readonly loras: readonly Lora[]
  readonly twofold: boolean
}

/**
 * ids[N,T] and a layer's number → context[N,T,D], the state after that layer, and for SDXL's second encoder
 * pooled[N,P]. SD takes the last layer, normalised, SDXL the last but one as it is.
 */
function buildEncoder(
  part: ModelPart,
  name: EncoderName,
  { length, options, loras, twofold }: EncoderOptions,
): Encoder {
  const config = part.config(ClipTextConfig)
  const opened = changedWeights(part.checkpoint(), loras, name)
  const { weights } = opened
  const ids = input('ids', ['batch', length], 'int64')
  const { hidden, last } = clipText(ids, weights, config)
  const chosen = pick(hidden, input('layer', [1], 'int64'))
  const outputs: Record<string, Value> = { context: twofold ? chosen : finalNorm(chosen, weights, config) }
  if (name === 'text_encoder_2') outputs.pooled = projectedText(pooledText(ids, last, config), weights, config)
  return { part: new Part(name, () => outputs, opened, options), config, usual: config.layers - (twofold ? 1 : 0) }
}

/** The value at place `which`[1] of equally shaped `values`[N,T,D]. */
function pick(values: readonly Value[], which: Value): Value {
  const [n, t, d] = values[0]!.shape
  const all = concat(
    values.map((value) => reshape(value, [n!, 1, t!, d!])),
    1,
  )
  return reshape(node('Gather', [all, which], { shape: [n!, 1, t!, d!], attrs: { axis: 1 } }), [n!, t!, d!])
}

/**
 * States [T,D] of one encoder and chunk times the weight of each token, in place; then all of them times what brings their
 * mean back to where it was, as A1111 has it.
 */
function weigh(states: Float32Array, weights: readonly number[], width: number): void {
  const mean = () => states.reduce((sum, value) => sum + value, 0)
  const before = mean()
  for (const [t, weight] of weights.entries()) for (let d = 0; d < width; d++) states[t * width + d]! *= weight
  const factor = before / mean()
  if (Number.isFinite(factor)) for (let i = 0; i < states.length; i++) states[i]! *= factor
}

/** Row `row` of every encoder's states [N,T,·], joined token by token. */
function sideBySide(
  states: readonly { data: Float32Array; width: number }[],
  row: number,
  length: number,
): Float32Array {
  const width = states.reduce((sum, { width }) => sum + width, 0)
  const joined = new Float32Array(length * width)
  let at = 0
  for (const { data, width: own } of states) {
    for (let t = 0; t < length; t++) {
      const from = (row * length + t) * own
      joined.set(data.subarray(from, from + own), t * width + at)
    }
    at += own
  }
  return joined
}
