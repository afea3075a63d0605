/** The transformer that CLIP's text and vision models share (transformers CLIPEncoder). */
import { gelu, quickGelu } from '../graph/activation.ts'
import { add } from '../graph/arithmetic.ts'
import { attention } from '../graph/attention.ts'
import type { Value } from '../graph/value.ts'
import { layerNorm, linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

export interface ClipLayersConfig {
  width: number
  feedForward: number
  layers: number
  heads: number
  activation: 'quick_gelu' | 'gelu'
  epsilon: number
}

/** x[N,T,D] and the output of each layer, [N,T,D] each; `mask`[1,1,T,T] is added to the scores. */
export function clipLayers(x: Value, w: Weights, config: ClipLayersConfig, mask: Value | null = null): Value[] {
  const { width, heads, epsilon } = config
  const hidden = [x]
  for (let i = 0; i < config.layers; i++) {
    const layer = w.at(i)
    const own = layer.at('self_attn')
    const h = hidden.at(-1)!
    const normal = layerNorm(h, layer.at('layer_norm1'), epsilon)
    const [q, k, v] = (['q_proj', 'k_proj', 'v_proj'] as const).map((name) => linear(normal, own.at(name), width))
    const mixed = add(h, linear(attention(q!, k!, v!, heads, mask), own.at('out_proj'), width))
    hidden.push(add(mixed, feedForward(layerNorm(mixed, layer.at('layer_norm2'), epsilon), layer.at('mlp'), config)))
  }
  return hidden
}

function feedForward(x: Value, w: Weights, { feedForward, width, activation }: ClipLayersConfig): Value {
  const h = linear(x, w.at('fc1'), feedForward)
  return linear(activation === 'gelu' ? gelu(h) : quickGelu(h), w.at('fc2'), width)
}
