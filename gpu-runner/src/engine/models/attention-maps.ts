/** Cross-attention probabilities as outputs of the graph, in addition to what the attention computes. */
import { attention, attentionProbabilities } from '../graph/attention.ts'
import { mean } from '../graph/reduce.ts'
import { reshape } from '../graph/shape.ts'
import type { Value } from '../graph/value.ts'
import type { AttentionCall, AttentionHooks } from './transformer-block.ts'

/** A layer's name in the checkpoint, such as `mid_block.attentions.0.transformer_blocks.0.attn2`. */
export function layerName({ weights }: AttentionCall): string {
  return weights.prefix.replace(/\.$/, '')
}

/** A hook that leaves the probabilities of each layer, averaged over its heads, in `maps`: [N,H,W,T] by its name. */
export function recordMaps(maps: Map<string, Value>): NonNullable<AttentionHooks['cross']> {
  return (call) => {
    const { q, k, v, heads, grid } = call
    const [n, , height, width] = grid.shape
    const average = mean(attentionProbabilities(q, k, heads), [1])
    maps.set(layerName(call), reshape(average, [n!, height!, width!, k.shape[1]!], grid))
    return attention(q, k, v, heads)
  }
}
