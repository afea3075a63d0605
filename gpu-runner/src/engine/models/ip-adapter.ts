/**
 * IP-Adapter (arXiv:2308.06721): pictures as a second context of every cross-attention. Weights in the layout of
 * tencent-ailab's files: `image_proj.*`, and `ip_adapter.<n>.to_k_ip` and `.to_v_ip` with n odd, counted over the
 * attention layers of the down blocks, then the up blocks, then the middle one.
 */
import { gelu } from '../graph/activation.ts'
import { add, mul } from '../graph/arithmetic.ts'
import { attention } from '../graph/attention.ts'
import { sum } from '../graph/reduce.ts'
import { concat, pad, reshape, shapeOf, slice } from '../graph/shape.ts'
import { dims4, int64, known, node, product, type Value } from '../graph/value.ts'
import { layerNorm, linear } from '../nn/layers.ts'
import { WeightError, type Weights } from '../nn/weights.ts'
import { layerName } from './attention-maps.ts'
import type { AttentionHooks } from './transformer-block.ts'
import type { UNetConfig } from './unet-config.ts'

/** Width of a head in the Resampler of every published file; the files do not say. */
const headWidth = 64

export interface AdapterConfig {
  /**
   * 'base' projects one embedding a picture, 'plus' resamples the image encoder's last but one hidden state, and 'full'
   * projects each of that state's tokens.
   */
  kind: 'base' | 'plus' | 'full'
  /** Tokens a picture becomes; 0 for 'full': as many as the image encoder has. */
  tokens: number
  /** Width of a token: that of the UNet's context. */
  width: number
  /** Resampler only. */
  inner: number
  attentionWidth: number
  feedForward: number
  layers: number
}

export interface Adapter {
  readonly weights: Weights
  /** [N,I,T,X], from `imageTokens`. */
  readonly tokens: Value
  /** [1], or [I] with masks: how much each picture counts. */
  readonly scale: Value
  /** [1,I,H,W] in 0 … 1, of the proportions of the latent: where each picture counts. */
  readonly masks?: Value
}

const full = 'image_proj.proj.0.weight'

/** What kind of adapter the tensors of a file make. */
export function adapterConfig(tensors: ReadonlyMap<string, { readonly shape: readonly number[] }>): AdapterConfig {
  const size = (name: string, axis: number) => {
    const found = tensors.get(`image_proj.${name}`)?.shape[axis]
    if (found === undefined)
      throw new WeightError(`image_proj.${name}`, 'is missing; no IP-Adapter is known without it')
    return found
  }
  const quotient = (name: string, whole: number, part: number) => {
    if (part > 0 && whole > 0 && whole % part === 0) return whole / part
    throw new WeightError(`image_proj.${name}`, `its ${whole} rows are no multiple of ${part}`)
  }
  // A vector of face recognition has 512 numbers, fewer than what any of CLIP's image encoders says.
  if (tensors.has('image_proj.perceiver_resampler.proj_in.weight') || tensors.get(full)?.shape[1] === 512)
    throw new WeightError(
      full,
      'is of a FaceID adapter, which reads what a face recognition network (insightface) says of a face, and there is none here; plus-face and full-face adapters keep faces by CLIP',
    )
  if (tensors.has(full)) {
    const nothing = { inner: 0, attentionWidth: 0, feedForward: 0, layers: 0 }
    return { kind: 'full', tokens: 0, width: size('proj.2.weight', 0), ...nothing }
  }
  if (!tensors.has('image_proj.latents')) {
    const width = size('norm.weight', 0)
    const tokens = quotient('proj.weight', size('proj.weight', 0), width)
    return { kind: 'base', tokens, width, inner: 0, attentionWidth: 0, feedForward: 0, layers: 0 }
  }
  const attentionWidth = size('layers.0.0.to_q.weight', 0)
  quotient('layers.0.0.to_q.weight', attentionWidth, headWidth)
  let layers = 0
  while (tensors.has(`image_proj.layers.${layers}.0.to_q.weight`)) layers++
  return {
    kind: 'plus',
    tokens: size('latents', 1),
    width: size('proj_out.weight', 0),
    inner: size('latents', 2),
    attentionWidth,
    feedForward: size('layers.0.1.1.weight', 0),
    layers,
  }
}

/** Embeddings [N,I,E], or for 'plus' and 'full' hidden states [N,I,S,E], of I pictures → their tokens [N,I,T,X]. */
export function imageTokens(embeds: Value, w: Weights, config: AdapterConfig): Value {
  const { kind, tokens, width } = config
  const rank = kind === 'base' ? 3 : 4
  if (embeds.shape.length !== rank)
    throw new RangeError(`imageTokens: [${embeds.shape}], a '${kind}' adapter takes ${rank} dimensions`)
  const [n, images] = [embeds.shape[0]!, embeds.shape[1]!]
  const flat = reshape(embeds, [product([n, images]), ...embeds.shape.slice(2)])
  const view = w.at('image_proj')
  if (kind === 'plus') return reshape(resample(flat, view, config), [n, images, tokens, width], embeds)
  if (kind === 'full') {
    const [, , states, inputs] = dims4(embeds)
    const inner = gelu(linear(flat, view.at('proj').at(0), known(inputs, 'ip-adapter: the width of a state')))
    const made = layerNorm(linear(inner, view.at('proj').at(2), width), view.at('proj').at(3))
    return reshape(made, [n, images, states, width], embeds)
  }
  const projected = linear(flat, view.at('proj'), tokens * width)
  return layerNorm(reshape(projected, [n, images, tokens, width], embeds), view.at('norm'))
}

/** A hook that adds to every cross-attention the attention of the same queries to each adapter's pictures. */
export function withAdapters(
  adapters: readonly Adapter[],
  config: UNetConfig,
  inner: NonNullable<AttentionHooks['cross']> = ({ q, k, v, heads }) => attention(q, k, v, heads),
): NonNullable<AttentionHooks['cross']> {
  const order = crossAttentionLayers(config)
  return (call) => {
    const place = order.indexOf(layerName(call))
    if (place < 0) throw new RangeError(`ip-adapter: no layer '${layerName(call)}' among the ${order.length} known`)
    let sum = inner(call)
    for (const { weights, tokens, scale, masks } of adapters) {
      const view = weights.at('ip_adapter').at(2 * place + 1)
      const [n, images, t, x] = dims4(tokens)
      const channels = known(call.q.shape[2], 'ip-adapter: channels')
      const answer = (context: Value) => {
        const [k, v] = ['to_k_ip', 'to_v_ip'].map((name) => linear(context, view.at(name), channels, { bias: false }))
        return attention(call.q, k!, v!, call.heads)
      }
      if (!masks) {
        if (scale.shape[0] !== 1) throw new RangeError('ip-adapter: a scale for each picture needs masks')
        sum = add(sum, mul(answer(reshape(tokens, [n, product([images, t]), x])), scale))
        continue
      }
      const queries = known(call.q.shape[1], 'ip-adapter: queries under masks')
      const count = known(images, 'ip-adapter: pictures')
      if (masks.shape[1] !== count) throw new RangeError(`ip-adapter: ${masks.shape[1]} masks for ${count} pictures`)
      const smaller = downsampledMasks(masks, queries)
      for (let i = 0; i < count; i++) {
        const own = scale.shape[0] === 1 ? scale : slice(scale, 0, i, i + 1)
        const where = mul(reshape(slice(smaller, 1, i, i + 1), [1, queries, 1]), own)
        sum = add(sum, mul(answer(reshape(slice(tokens, 1, i, i + 1), [n, t, x])), where))
      }
    }
    return sum
  }
}

/**
 * masks[1,I,H,W] at the size of a layer with `queries` pixels, [1,I,queries]: bicubic, not antialiased. The size is
 * found from the proportions of the mask, and what does not fill the layer is padded or cut, as diffusers has it.
 */
export function downsampledMasks(masks: Value, queries: number): Value {
  const [, images, height, width] = masks.shape.map((dim) => known(dim, 'ip-adapter: mask size')) as [
    number,
    number,
    number,
    number,
  ]
  const rows = Math.max(1, Math.floor(Math.sqrt(queries / (width / height))))
  const h = rows + Number(queries % rows !== 0)
  const w = Math.floor(queries / h)
  const smaller = node('Resize', [masks, null, null, int64(1, images, h, w)], {
    shape: [1, images, h, w],
    attrs: { mode: 'cubic', cubic_coeff_a: { float: -0.75 }, coordinate_transformation_mode: 'half_pixel' },
  })
  const flat = reshape(smaller, [1, images, h * w])
  if (h * w < queries) return pad(flat, 2, 0, queries - h * w)
  return h * w > queries ? slice(flat, 2, 0, queries) : flat
}

/** Names of the cross-attention layers in the order that adapter files number them. */
export function crossAttentionLayers(config: UNetConfig): string[] {
  const { down, middle, up } = config.depths
  const layers = (block: string, depths: readonly number[]) =>
    depths.flatMap((depth, j) =>
      Array.from({ length: depth }, (_, k) => `${block}.attentions.${j}.transformer_blocks.${k}.attn2`),
    )
  return [
    ...config.downAttention.flatMap((has, i) => (has ? layers(`down_blocks.${i}`, down[i]!) : [])),
    ...config.upAttention.flatMap((has, i) => (has ? layers(`up_blocks.${i}`, up[i]!) : [])),
    ...(config.midAttention ? layers('mid_block', [middle]) : []),
  ]
}

/** The Resampler: learned queries read x[M,S,E] through `layers` layers, [M,T,X]. */
function resample(x: Value, w: Weights, config: AdapterConfig): Value {
  const { tokens, width, inner, attentionWidth, feedForward, layers } = config
  const context = linear(x, w.at('proj_in'), inner)
  const queries = w.get('latents', [1, tokens, inner])
  let h: Value | null = null
  for (let i = 0; i < layers; i++) {
    const [attend, feed] = [w.at('layers').at(i).at(0), w.at('layers').at(i).at(1)]
    const before: Value = h ?? spread(queries, context)
    const [seen, asking] = [layerNorm(context, attend.at('norm1')), layerNorm(before, attend.at('norm2'))]
    const q = linear(asking, attend.at('to_q'), attentionWidth, { bias: false })
    const both = linear(concat([seen, asking], 1), attend.at('to_kv'), 2 * attentionWidth, { bias: false })
    const [k, v] = [slice(both, 2, 0, attentionWidth), slice(both, 2, attentionWidth, 2 * attentionWidth)]
    const mixed = attention(q, k, v, attentionWidth / headWidth)
    h = add(before, linear(mixed, attend.at('to_out'), inner, { bias: false }))
    const wide = gelu(linear(layerNorm(h, feed.at(0)), feed.at(1), feedForward, { bias: false }))
    h = add(h, linear(wide, feed.at(3), inner, { bias: false }))
  }
  return layerNorm(linear(h ?? spread(queries, context), w.at('proj_out'), width), w.at('norm_out'))
}

/** queries[1,T,D] once for each row of context[M,·,D]. */
function spread(queries: Value, context: Value): Value {
  const [, t, d] = queries.shape
  const rest = int64(known(t, 'ip-adapter: tokens'), known(d, 'ip-adapter: width'))
  const shape = node('Concat', [shapeOf(context, 0, 1), rest], { shape: [3], attrs: { axis: 0 } })
  const grad = (dy: Value) => [sum(dy, [0]), null]
  return node('Expand', [queries, shape], { shape: [context.shape[0]!, t!, d!], grad })
}
