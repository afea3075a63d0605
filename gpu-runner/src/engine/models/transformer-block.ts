/** The spatial transformer of the UNet (diffusers Transformer2DModel): self-attention, cross-attention, feed-forward. */
import { geglu } from '../graph/activation.ts'
import { add } from '../graph/arithmetic.ts'
import { attention } from '../graph/attention.ts'
import { toImage, toTokens } from '../graph/shape.ts'
import { known, type Value } from '../graph/value.ts'
import { conv, groupNorm, layerNorm, linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

/** One attention layer, as a hook sees it. */
export interface AttentionCall {
  /** The layer's own tensors: `to_q`, `to_k`, `to_v`, `to_out.0`. */
  readonly weights: Weights
  /** [N,S,D] each; keys and values of cross-attention [N,T,D]. */
  readonly q: Value
  readonly k: Value
  readonly v: Value
  readonly heads: number
  /** The feature map [N,C,H,W] whose pixels are the queries. */
  readonly grid: Value
}

/** Replacements of the plain attention kernel: shared attention, adapters and recorded maps all enter here. */
export interface AttentionHooks {
  self?: (call: AttentionCall) => Value
  cross?: (call: AttentionCall) => Value
}

export interface TransformerOptions {
  depth: number
  heads: number
  groups: number
  linearProjection: boolean
  hooks: AttentionHooks
}

/** x[N,C,H,W] attends to itself and to context[N,T,X]. */
export function transformer2D(x: Value, context: Value, w: Weights, options: TransformerOptions): Value {
  const channels = known(x.shape[1], 'transformer2D: channels')
  const normal = groupNorm(x, w.at('norm'), options.groups, 1e-6)
  let h: Value
  if (options.linearProjection) h = linear(toTokens(normal), w.at('proj_in'), channels)
  else h = toTokens(conv(normal, w.at('proj_in'), channels, 1))
  for (let i = 0; i < options.depth; i++)
    h = basicBlock(h, context, x, w.at('transformer_blocks').at(i), options.heads, options.hooks)
  if (options.linearProjection) return add(toImage(linear(h, w.at('proj_out'), channels), x), x)
  return add(conv(toImage(h, x), w.at('proj_out'), channels, 1), x)
}

function basicBlock(x: Value, context: Value, grid: Value, w: Weights, heads: number, hooks: AttentionHooks): Value {
  const channels = known(x.shape[2], 'basicBlock: channels')
  const first = layerNorm(x, w.at('norm1'))
  let h = add(x, attend(first, first, grid, w.at('attn1'), heads, hooks.self))
  h = add(h, attend(layerNorm(h, w.at('norm2')), context, grid, w.at('attn2'), heads, hooks.cross))
  const feed = w.at('ff').at('net')
  const gated = geglu(linear(layerNorm(h, w.at('norm3')), feed.at(0).at('proj'), 8 * channels))
  return add(h, linear(gated, feed.at(2), channels))
}

function attend(
  x: Value,
  context: Value,
  grid: Value,
  w: Weights,
  heads: number,
  hook: AttentionHooks['self'] = ({ q, k, v }) => attention(q, k, v, heads),
): Value {
  const channels = known(x.shape[2], 'attend: channels')
  const project = (from: Value, name: string) => linear(from, w.at(name), channels, { bias: false })
  const [q, k, v] = [project(x, 'to_q'), project(context, 'to_k'), project(context, 'to_v')]
  return linear(hook({ weights: w, q, k, v, heads, grid }), w.at('to_out').at(0), channels)
}
