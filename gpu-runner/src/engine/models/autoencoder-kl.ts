/** AutoencoderKL, pictures to latents and back, in the layout and under the names of diffusers. */
import { z } from 'zod'
import { silu } from '../graph/activation.ts'
import { add, clip, exp, scale } from '../graph/arithmetic.ts'
import { attention } from '../graph/attention.ts'
import { slice, toImage, toTokens, upsample2x } from '../graph/shape.ts'
import { known, type Value } from '../graph/value.ts'
import { conv, groupNorm, linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'
import { count, levels, refuse } from './config-fields.ts'
import { resnetBlock2D } from './resnet-block.ts'

const epsilon = 1e-6

export const AutoencoderConfig = z
  .object({
    _class_name: z.literal('AutoencoderKL').default('AutoencoderKL'),
    in_channels: count.default(3),
    out_channels: count.default(3),
    block_out_channels: levels(count).default([64]),
    layers_per_block: count.default(1),
    latent_channels: count.default(4),
    norm_num_groups: count.default(32),
    scaling_factor: z.number().positive().default(0.18215),
    shift_factor: z.number().nullish(),
    mid_block_add_attention: z.boolean().default(true),
    use_quant_conv: z.boolean().default(true),
    use_post_quant_conv: z.boolean().default(true),
    act_fn: z.literal(['silu', 'swish']).nullish(),
    down_block_types: z.array(z.literal('DownEncoderBlock2D')).nullish(),
    up_block_types: z.array(z.literal('UpDecoderBlock2D')).nullish(),
    latents_mean: z.null().optional(),
    latents_std: z.null().optional(),
  })
  .check((context) => {
    const {
      block_out_channels: channels,
      norm_num_groups: groups,
      down_block_types: down,
      up_block_types: up,
    } = context.value
    for (const size of channels)
      if (size % groups) refuse(context, 'norm_num_groups', `${size} channels in ${groups} groups`)
    for (const [key, types] of Object.entries({ down_block_types: down, up_block_types: up }))
      if (types && types.length !== channels.length)
        refuse(context, key, `${types.length} values for ${channels.length} levels of block_out_channels`)
  })
  .transform((c) => ({
    inChannels: c.in_channels,
    outChannels: c.out_channels,
    channels: c.block_out_channels,
    layersPerBlock: c.layers_per_block,
    latentChannels: c.latent_channels,
    groups: c.norm_num_groups,
    scalingFactor: c.scaling_factor,
    shiftFactor: c.shift_factor ?? 0,
    midAttention: c.mid_block_add_attention,
    quantConv: c.use_quant_conv,
    postQuantConv: c.use_post_quant_conv,
    /** Picture pixels along one side of a latent pixel. */
    factor: 2 ** (c.block_out_channels.length - 1),
  }))

export type AutoencoderConfig = z.output<typeof AutoencoderConfig>

/** image[N,3,H,W] in −1 … 1 → moments[N,2L,H/f,W/f]: means, then log variances. */
export function encode(image: Value, w: Weights, config: AutoencoderConfig): Value {
  const { channels, groups, layersPerBlock, latentChannels } = config
  const view = w.at('encoder')
  let h = conv(image, view.at('conv_in'), channels[0]!, 3)
  for (const [i, out] of channels.entries()) {
    const block = view.at('down_blocks').at(i)
    for (let j = 0; j < layersPerBlock; j++)
      h = resnetBlock2D(h, null, block.at('resnets').at(j), { out, groups, epsilon })
    if (i < channels.length - 1)
      h = conv(h, block.at('downsamplers').at(0).at('conv'), out, 3, { stride: 2, pads: [0, 0, 1, 1] })
  }
  h = midBlock(h, view.at('mid_block'), config)
  h = silu(groupNorm(h, view.at('conv_norm_out'), groups, epsilon))
  h = conv(h, view.at('conv_out'), 2 * latentChannels, 3)
  return config.quantConv ? conv(h, w.at('quant_conv'), 2 * latentChannels, 1) : h
}

/** The distribution that moments[N,2L,h,w] describe, [N,L,h,w] each. */
export function posterior(moments: Value, { latentChannels }: AutoencoderConfig) {
  const mean = slice(moments, 1, 0, latentChannels)
  const logvar = clip(slice(moments, 1, latentChannels, 2 * latentChannels), -30, 20)
  return { mean, logvar, std: exp(scale(logvar, 0.5)) }
}

/** latent[N,L,h,w], unscaled → image[N,3,h·f,w·f]. */
export function decode(latent: Value, w: Weights, config: AutoencoderConfig): Value {
  const { channels, groups, layersPerBlock, latentChannels } = config
  const view = w.at('decoder')
  const z = config.postQuantConv ? conv(latent, w.at('post_quant_conv'), latentChannels, 1) : latent
  let h = conv(z, view.at('conv_in'), channels.at(-1)!, 3)
  h = midBlock(h, view.at('mid_block'), config)
  for (const [i, out] of channels.toReversed().entries()) {
    const block = view.at('up_blocks').at(i)
    for (let j = 0; j <= layersPerBlock; j++)
      h = resnetBlock2D(h, null, block.at('resnets').at(j), { out, groups, epsilon })
    if (i < channels.length - 1) h = conv(upsample2x(h), block.at('upsamplers').at(0).at('conv'), out, 3)
  }
  h = silu(groupNorm(h, view.at('conv_norm_out'), groups, epsilon))
  return conv(h, view.at('conv_out'), config.outChannels, 3)
}

function midBlock(x: Value, w: Weights, { channels, groups, midAttention }: AutoencoderConfig): Value {
  const out = channels.at(-1)!
  let h = resnetBlock2D(x, null, w.at('resnets').at(0), { out, groups, epsilon })
  if (midAttention) h = pixelAttention(h, w.at('attentions').at(0), groups)
  return resnetBlock2D(h, null, w.at('resnets').at(1), { out, groups, epsilon })
}

/** Self-attention of all pixels, one head. */
function pixelAttention(x: Value, w: Weights, groups: number): Value {
  const channels = known(x.shape[1], 'pixelAttention: channels')
  const tokens = toTokens(groupNorm(x, w.at('group_norm'), groups, epsilon))
  // Files from before diffusers 0.12 name the four projections otherwise.
  const names = w.has('query.weight') ? ['query', 'key', 'value'] : ['to_q', 'to_k', 'to_v']
  const [q, k, v] = names.map((name) => linear(tokens, w.at(name), channels))
  const out = w.has('proj_attn.weight') ? w.at('proj_attn') : w.at('to_out').at(0)
  return add(x, toImage(linear(attention(q!, k!, v!, 1), out, channels), x))
}
