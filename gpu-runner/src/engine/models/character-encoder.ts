/**
 * The image encoder of the ID-Injector: a picture of one character, or of a part of it, to a grid of features. A few
 * convolutions, since all it must distinguish are shapes and colours of cartoons; a CLIP vision model goes in its place
 * where an adapter was trained with one.
 */
import { z } from 'zod'
import { silu } from '../graph/activation.ts'
import { add } from '../graph/arithmetic.ts'
import { toTokens } from '../graph/shape.ts'
import { dims4, known, type Value } from '../graph/value.ts'
import { conv, layerNorm } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

export const CharacterEncoderConfig = z
  .object({
    _class_name: z.literal('CharacterEncoder'),
    /** Side of the pictures in pixels. */
    image_size: z.int(),
    /** Channels after each convolution; all but the last halve the picture. */
    channels: z.array(z.int()).min(2),
  })
  .transform((c) => ({ size: c.image_size, channels: c.channels }))

export type CharacterEncoderConfig = z.output<typeof CharacterEncoderConfig>

/**
 * pixels[N,3,S,S] in −1 … 1 → features[N,pixels,C], in rows from the top. Normalised at the end alone: a norm over a
 * picture takes away how bright it is, and colours are half of an identity.
 */
export function characterEncoder(pixels: Value, w: Weights, { size, channels }: CharacterEncoderConfig): Value {
  const [, c, height, width] = dims4(pixels)
  if (c !== 3 || height !== size || width !== size)
    throw new RangeError(`characterEncoder: pixels [${pixels.shape}], the model takes [N,3,${size},${size}]`)
  let h = pixels
  for (const [i, out] of channels.entries()) {
    const stride = i < channels.length - 1 ? 2 : 1
    h = silu(conv(h, w.at('blocks').at(i).at('conv'), out, 3, { stride, init: 'kaiming' }))
  }
  const features = toTokens(h)
  const [count, last] = [features.shape[1], features.shape[2]].map((dim) => known(dim, 'characterEncoder: features'))
  // Crops are upright and centred, so that where something is says much of what it is.
  const places = w.at('position_embedding').get('weight', [count!, last!], 'embedding')
  return layerNorm(add(features, places), w.at('norm_out'))
}
