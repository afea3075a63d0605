/** AutoencoderTiny (TAESD), pictures to latents and back without norms, in the layout and under the names of diffusers. */
import { z } from 'zod'
import { relu, tanh } from '../graph/activation.ts'
import { add, offset, scale } from '../graph/arithmetic.ts'
import { conv2d } from '../graph/conv.ts'
import { upsample2x } from '../graph/shape.ts'
import { known, type Value } from '../graph/value.ts'
import { conv } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'
import { count, levels, refuse } from './config-fields.ts'

/** Residual blocks of a level. */
const blocks = z.int().min(0).max(64)

export const AutoencoderTinyConfig = z
  .object({
    _class_name: z.literal('AutoencoderTiny').default('AutoencoderTiny'),
    in_channels: count.default(3),
    out_channels: count.default(3),
    encoder_block_out_channels: levels(count).default([64, 64, 64, 64]),
    decoder_block_out_channels: levels(count).default([64, 64, 64, 64]),
    num_encoder_blocks: levels(blocks).default([1, 3, 3, 3]),
    num_decoder_blocks: levels(blocks).default([3, 3, 3, 1]),
    act_fn: z.literal('relu').default('relu'),
    latent_channels: count.default(4),
    upsampling_scaling_factor: z.literal(2).default(2),
    scaling_factor: z.number().positive().default(1),
    shift_factor: z.number().default(0),
  })
  .check((context) => {
    const c = context.value
    for (const side of ['encoder', 'decoder'] as const) {
      const [channels, blocks] = [c[`${side}_block_out_channels`].length, c[`num_${side}_blocks`].length]
      if (channels !== blocks)
        refuse(context, `num_${side}_blocks`, `${blocks} values for ${channels} levels of channels`)
    }
  })
  .transform((c) => ({
    inChannels: c.in_channels,
    outChannels: c.out_channels,
    encoderChannels: c.encoder_block_out_channels,
    decoderChannels: c.decoder_block_out_channels,
    encoderBlocks: c.num_encoder_blocks,
    decoderBlocks: c.num_decoder_blocks,
    latentChannels: c.latent_channels,
    scalingFactor: c.scaling_factor,
    shiftFactor: c.shift_factor,
    /** Picture pixels along one side of a latent pixel. */
    factor: 2 ** (c.num_encoder_blocks.length - 1),
  }))

export type AutoencoderTinyConfig = z.output<typeof AutoencoderTinyConfig>

/** image[N,3,H,W] in −1 … 1 → latent[N,L,H/f,W/f]. */
export function encodeTiny(image: Value, w: Weights, config: AutoencoderTinyConfig): Value {
  const layers = counted(w.at('encoder').at('layers'))
  let h = scale(offset(image, 1), 0.5)
  for (const [i, blocks] of config.encoderBlocks.entries()) {
    const out = config.encoderChannels[i]!
    h = i === 0 ? conv(h, layers(), out, 3) : bare(h, layers(), out, 2)
    for (let j = 0; j < blocks; j++) h = block(h, layers())
  }
  return conv(h, layers(), config.latentChannels, 3)
}

/** latent[N,L,h,w] → image[N,3,h·f,w·f] in −1 … 1. */
export function decodeTiny(latent: Value, w: Weights, config: AutoencoderTinyConfig): Value {
  const layers = counted(w.at('decoder').at('layers'))
  const clamped = scale(tanh(scale(latent, 1 / 3)), 3)
  let h = relu(conv(clamped, layers(), config.decoderChannels[0]!, 3))
  layers() // the activation has a number of its own
  for (const [i, blocks] of config.decoderBlocks.entries()) {
    const channels = config.decoderChannels[i]!
    for (let j = 0; j < blocks; j++) h = block(h, layers())
    if (i === config.decoderBlocks.length - 1) h = conv(h, layers(), config.outChannels, 3)
    else {
      layers() // so has the upsampling
      h = bare(upsample2x(h), layers(), channels, 1)
    }
  }
  return offset(scale(h, 2), -1)
}

/** relu(x + conv∘relu∘conv∘relu∘conv(x)), the channels staying as they are. */
function block(x: Value, w: Weights): Value {
  const channels = known(x.shape[1], 'autoencoderTiny: channels')
  const view = w.at('conv')
  let h = relu(conv(x, view.at(0), channels, 3))
  h = relu(conv(h, view.at(2), channels, 3))
  return relu(add(x, conv(h, view.at(4), channels, 3)))
}

/** A 3×3 convolution without bias. */
function bare(x: Value, w: Weights, out: number, stride: 1 | 2): Value {
  const channels = known(x.shape[1], 'autoencoderTiny: channels')
  return conv2d(x, w.get('weight', [out, channels, 3, 3]), null, { stride })
}

/** Children '0', '1', … of a torch Sequential, one at each call. */
function counted(w: Weights): () => Weights {
  let next = 0
  return () => w.at(next++)
}
