/** CLIPVisionModelWithProjection, pictures to embeddings, in the layout and under the names of transformers. */
import { z } from 'zod'
import { add } from '../graph/arithmetic.ts'
import { expandLike } from '../graph/reduce.ts'
import { concat, reshape, slice, toTokens } from '../graph/shape.ts'
import { dims4, node, type Value } from '../graph/value.ts'
import { layerNorm, linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'
import { clipLayers } from './clip-layers.ts'
import { count, epsilon, refuse } from './config-fields.ts'

export const ClipVisionConfig = z
  .object({
    model_type: z.literal('clip_vision_model').nullish(),
    hidden_size: count.default(768),
    intermediate_size: count.default(3072),
    num_hidden_layers: count.default(12),
    num_attention_heads: count.default(12),
    num_channels: count.default(3),
    image_size: count.default(224),
    patch_size: count.default(32),
    hidden_act: z.enum(['quick_gelu', 'gelu']).default('quick_gelu'),
    layer_norm_eps: epsilon.default(1e-5),
    projection_dim: count.default(512),
  })
  .check((context) => {
    const { hidden_size: width, num_attention_heads: heads, image_size: image, patch_size: patch } = context.value
    if (width % heads) refuse(context, 'num_attention_heads', `a width of ${width} for ${heads} heads`)
    if (patch > image) refuse(context, 'patch_size', `patches of ${patch} in pictures of ${image}`)
  })
  .transform((c) => ({
    width: c.hidden_size,
    feedForward: c.intermediate_size,
    layers: c.num_hidden_layers,
    heads: c.num_attention_heads,
    channels: c.num_channels,
    imageSize: c.image_size,
    patch: c.patch_size,
    activation: c.hidden_act,
    epsilon: c.layer_norm_eps,
    projection: c.projection_dim,
  }))

export type ClipVisionConfig = z.output<typeof ClipVisionConfig>

export interface ClipVision {
  /** [N,1+patches,D] each: after the first norm, then after every layer. The last but one feeds IP-Adapter-Plus. */
  hidden: Value[]
  /** The normalised class token, [N,D]. */
  pooled: Value
  /** [N,P] */
  imageEmbeds: Value
}

/** pixels[N,3,S,S], normalised, with S the `image_size` of the configuration. */
export function clipVision(pixels: Value, w: Weights, config: ClipVisionConfig): ClipVision {
  const { width, channels, patch, imageSize, epsilon, projection } = config
  const [n, c, height, side] = dims4(pixels)
  if (c !== channels || height !== imageSize || side !== imageSize)
    throw new RangeError(
      `clipVision: pixels [${pixels.shape}], the model takes [N,${channels},${imageSize},${imageSize}]`,
    )
  const view = w.at('vision_model')
  const from = view.at('embeddings')
  const across = Math.floor(imageSize / patch)
  const kernel = from.at('patch_embedding').get('weight', [width, channels, patch, patch])
  const patches = toTokens(
    node('Conv', [pixels, kernel], { shape: [n, width, across, across], attrs: { strides: [patch, patch] } }),
  )
  const token = reshape(from.get('class_embedding', [width]), [1, 1, width])
  const places = from.at('position_embedding').get('weight', [across ** 2 + 1, width])
  const embedded = add(concat([expandLike(token, slice(patches, 1, 0, 1)), patches], 1), places)
  // `pre_layrnorm` is how the published files spell it.
  const first = layerNorm(embedded, view.at('pre_layrnorm'), epsilon)
  const hidden = clipLayers(first, view.at('encoder').at('layers'), config)
  const classes = reshape(slice(hidden.at(-1)!, 1, 0, 1), [n, width])
  const pooled = layerNorm(classes, view.at('post_layernorm'), epsilon)
  return { hidden, pooled, imageEmbeds: linear(pooled, w.at('visual_projection'), projection, { bias: false }) }
}
