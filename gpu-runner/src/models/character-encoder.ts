/**
 * The image encoder of the ID-Injector: a picture of one character, or of a part of it, to a grid of features. A few
 * convolutions, since all it must tell apart are shapes and colours of cartoons; a CLIP vision model goes in its place
 * where an adapter was trained with one.
 */
import { z } from 'zod'
import { silu } from '../graph/activation.ts'
import { toTokens } from '../graph/shape.ts'
import { dims4, type Value } from '../graph/value.ts'
import { conv, groupNorm, layerNorm } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

export const CharacterEncoderConfig = z
  .object({
    _class_name: z.literal('CharacterEncoder'),
    /** Side of the pictures in pixels. */
    image_size: z.int(),
    /** Channels after each convolution; all but the last halve the picture. */
    channels: z.array(z.int()).min(2),
    norm_num_groups: z.int(),
  })
  .transform((c) => ({ size: c.image_size, channels: c.channels, groups: c.norm_num_groups }))

export type CharacterEncoderConfig = z.output<typeof CharacterEncoderConfig>

/** pixels[N,3,S,S] in −1 … 1 → features[N,pixels,C], normalised, in rows from the top. */
export function characterEncoder(pixels: Value, w: Weights, { size, channels, groups }: CharacterEncoderConfig): Value {
  const [, c, height, width] = dims4(pixels)
  if (c !== 3 || height !== size || width !== size)
    throw new RangeError(`characterEncoder: pixels [${pixels.shape}], the model takes [N,3,${size},${size}]`)
  let h = pixels
  for (const [i, out] of channels.entries()) {
    const view = w.at('blocks').at(i)
    const stride = i < channels.length - 1 ? 2 : 1
    h = silu(groupNorm(conv(h, view.at('conv'), out, 3, { stride }), view.at('norm'), groups, 1e-5))
  }
  return layerNorm(toTokens(h), w.at('norm_out'))
}
