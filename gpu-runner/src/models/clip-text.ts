/** CLIPTextModel, token ids to hidden states, in the layout and under the names of transformers. */
import { z } from 'zod'
import { gelu, quickGelu } from '../graph/activation.ts'
import { add } from '../graph/arithmetic.ts'
import { attention } from '../graph/attention.ts'
import { embedding } from '../graph/matmul.ts'
import { slice } from '../graph/shape.ts'
import { constant, known, type Value } from '../graph/value.ts'
import { layerNorm, linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

export const ClipTextConfig = z
  .object({
    vocab_size: z.int().default(49408),
    hidden_size: z.int().default(512),
    intermediate_size: z.int().default(2048),
    num_hidden_layers: z.int().default(12),
    num_attention_heads: z.int().default(8),
    max_position_embeddings: z.int().default(77),
    hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
    layer_norm_eps: z.number().default(1e-5),
    projection_dim: z.int().default(512),
    eos_token_id: z.int().default(49407),
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
  const { width, heads, epsilon } = config
  const view = w.at('text_model')
  const length = known(ids.shape[1], 'clipText: sequence length')
  if (length > config.positions) throw new RangeError(`clipText: ${length} tokens, the model takes ${config.positions}`)
  const tokens = view.at('embeddings').at('token_embedding').get('weight', [config.vocabulary, width], 'embedding')
  const places = view.at('embeddings').at('position_embedding').get('weight', [config.positions, width], 'embedding')
  const mask = causal(length)
  const hidden = [add(embedding(tokens, ids), slice(places, 0, 0, length))]
  for (let i = 0; i < config.layers; i++) {
    const layer = view.at('encoder').at('layers').at(i)
    const own = layer.at('self_attn')
    const x = hidden.at(-1)!
    const normal = layerNorm(x, layer.at('layer_norm1'), epsilon)
    const [q, k, v] = (['q_proj', 'k_proj', 'v_proj'] as const).map((name) => linear(normal, own.at(name), width))
    const mixed = add(x, linear(attention(q!, k!, v!, heads, mask), own.at('out_proj'), width))
    hidden.push(add(mixed, feedForward(layerNorm(mixed, layer.at('layer_norm2'), epsilon), layer.at('mlp'), config)))
  }
  return { hidden, last: layerNorm(hidden.at(-1)!, view.at('final_layer_norm'), epsilon) }
}

function feedForward(x: Value, w: Weights, { feedForward, width, activation }: ClipTextConfig): Value {
  const h = linear(x, w.at('fc1'), feedForward)
  return linear(activation === 'gelu' ? gelu(h) : quickGelu(h), w.at('fc2'), width)
}

/** Scores [1,1,T,T] that hide what comes later. */
function causal(length: number): Value {
  const bias = Float32Array.from({ length: length ** 2 }, (_, i) => (i % length > Math.floor(i / length) ? -1e9 : 0))
  return constant(bias, [1, 1, length, length])
}
