/** CLIPTextModel, token ids to hidden states, in the layout and under the names of transformers. */
import { z } from 'zod'
import { add, cast } from '../graph/arithmetic.ts'
import { embedding } from '../graph/matmul.ts'
import { slice } from '../graph/shape.ts'
import { constant, int64, known, node, type Value } from '../graph/value.ts'
import { layerNorm, linear } from '../nn/layers.ts'
import { WeightError, type Weights } from '../nn/weights.ts'
import { clipLayers } from './clip-layers.ts'
import { count, epsilon, refuse } from './config-fields.ts'

export const ClipTextConfig = z
  .object({
    model_type: z.literal('clip_text_model').nullish(),
    vocab_size: count.default(49408),
    hidden_size: count.default(512),
    intermediate_size: count.default(2048),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(8),
    max_position_embeddings: count.default(77),
    hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
    layer_norm_eps: epsilon.default(1e-5),
    projection_dim: count.default(512),
    eos_token_id: z.int().min(0).default(49407),
  })
  .check((context) => {
    const { hidden_size: width, num_attention_heads: heads } = context.value
    if (width % heads) refuse(context, 'num_attention_heads', `a width of ${width} for ${heads} heads`)
  })
  .transform((c) => ({
    vocabulary: c.vocab_size,
    width: c.hidden_size,
    feedForward: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    positions: c.max_position_embeddings,
    activation: c.hidden_act,
    epsilon: c.layer_norm_eps,
    projection: c.projection_dim,
    eos: c.eos_token_id,
  }))

export type ClipTextConfig = z.output<typeof ClipTextConfig>

/** ids[N,T] int64 → every hidden state [N,T,D] (embeddings first), and the last one normalised. */
export function clipText(ids: Value, w: Weights, config: ClipTextConfig): { hidden: Value[]; last: Value } {
  const { width } = config
  const view = w.at('text_model')
  const length = known(ids.shape[1], 'clipText: sequence length')
  if (length > config.positions)
    throw new WeightError(
      `${view.prefix}embeddings.position_embedding.weight`,
      `${length} tokens, the model takes ${config.positions}`,
    )
  const tokens = view.at('embeddings').at('token_embedding').get('weight', [config.vocabulary, width], 'embedding')
  const places = view.at('embeddings').at('position_embedding').get('weight', [config.positions, width], 'embedding')
  const embedded = add(embedding(tokens, ids), slice(places, 0, 0, length))
  const hidden = clipLayers(embedded, view.at('encoder').at('layers'), config, causal(length))
  return { hidden, last: finalNorm(hidden.at(-1)!, w, config) }
}

/** The norm after the last layer, which SD 1 also applies to an earlier hidden state when it skips layers. */
export function finalNorm(hidden: Value, w: Weights, { epsilon }: ClipTextConfig): Value {
  return layerNorm(hidden, w.at('text_model').at('final_layer_norm'), epsilon)
}

/** The normalised state [N,D] at the end token, from `last`[N,T,D]. */
export function pooledText(ids: Value, last: Value, { eos, width }: ClipTextConfig): Value {
  const [n, t] = [ids.shape[0]!, ids.shape[1]!]
  // Files of the first releases say 2 whatever the vocabulary; there the end token is the largest id.
  const end = eos === 2 ? ids : node('Equal', [ids, int64(eos)], { shape: [n, t], dtype: 'bool' })
  const place = node('ArgMax', [cast(end, 'float32')], {
    shape: [n, 1],
    dtype: 'int64',
    attrs: { axis: 1, keepdims: 1 },
  })
  return node('GatherND', [last, place], { shape: [n, width], attrs: { batch_dims: 1 } })
}

/** pooled[N,D] → text_embeds[N,P] of a model with projection. */
export function projectedText(pooled: Value, w: Weights, { projection }: ClipTextConfig): Value {
  return linear(pooled, w.at('text_projection'), projection, { bias: false })
}

/** Scores [1,1,T,T] that hide what comes later. */
function causal(length: number): Value {
  const bias = Float32Array.from({ length: length ** 2 }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0))
  return constant(bias, [1, 1, length, length])
}
