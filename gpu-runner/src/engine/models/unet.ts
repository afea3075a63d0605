/** UNet2DConditionModel as a function over its weights, in the layout and under the names of diffusers. */
import { silu } from '../graph/activation.ts'
import { add } from '../graph/arithmetic.ts'
import { concat, reshape, upsample2x } from '../graph/shape.ts'
import { known, type Value } from '../graph/value.ts'
import { conv, groupNorm } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'
import { sinusoidal, timestepEmbedding } from './embeddings.ts'
import { resnetBlock2D } from './resnet-block.ts'
import { type AttentionHooks, transformer2D } from './transformer-block.ts'
import type { UNetConfig } from './unet-config.ts'

export interface UNetInputs {
  /** [N,C,H,W] */
  sample: Value
  /** [N], 0 … 1000 */
  timestep: Value
  /** [N,T,X] */
  context: Value
  /** SDXL: pooled text embedding [N,P]. */
  textEmbeds?: Value
  /** SDXL: original size, crop, target size, [N,6]. */
  timeIds?: Value
}

/** The model's prediction, [N,C,H,W]. */
export function unet(inputs: UNetInputs, w: Weights, config: UNetConfig, hooks: AttentionHooks = {}): Value {
  const { channels, groups, epsilon, depths } = config
  const temb = timeEmbedding(inputs, w, config)
  const resnet = (x: Value, view: Weights, out: number) => resnetBlock2D(x, temb, view, { out, groups, epsilon })
  const transformer = (x: Value, view: Weights, level: number, depth: number) =>
    transformer2D(x, inputs.context, view, {
      depth,
      heads: config.heads[level]!,
      groups,
      linearProjection: config.linearProjection,
      hooks,
    })

  let h = conv(inputs.sample, w.at('conv_in'), channels[0]!, 3)
  const skips = [h]
  for (const [level, out] of channels.entries()) {
    const block = w.at('down_blocks').at(level)
    for (let j = 0; j < config.layersPerBlock; j++) {
      h = resnet(h, block.at('resnets').at(j), out)
      if (config.downAttention[level]) h = transformer(h, block.at('attentions').at(j), level, depths.down[level]![j]!)
      skips.push(h)
    }
    if (level < channels.length - 1) {
      h = conv(h, block.at('downsamplers').at(0).at('conv'), out, 3, { stride: 2 })
      skips.push(h)
    }
  }

  const last = channels.length - 1
  const mid = w.at('mid_block')
  h = resnet(h, mid.at('resnets').at(0), channels[last]!)
  if (config.midAttention) {
    h = transformer(h, mid.at('attentions').at(0), last, depths.middle)
    h = resnet(h, mid.at('resnets').at(1), channels[last]!)
  }

  for (let i = 0; i <= last; i++) {
    const level = last - i
    const block = w.at('up_blocks').at(i)
    for (let j = 0; j <= config.layersPerBlock; j++) {
      h = resnet(concat([h, skips.pop()!], 1), block.at('resnets').at(j), channels[level]!)
      if (config.upAttention[i]) h = transformer(h, block.at('attentions').at(j), level, depths.up[i]![j]!)
    }
    if (level > 0) h = conv(enlarged(h, skips.at(-1)!), block.at('upsamplers').at(0).at('conv'), channels[level]!, 3)
  }
  h = silu(groupNorm(h, w.at('conv_norm_out'), groups, epsilon))
  return conv(h, w.at('conv_out'), config.outChannels, 3, { init: 'zeros' })
}

/** Twice the size, or the size of the skip connection it is to meet: an odd size was rounded up on the way down. */
function enlarged(h: Value, skip: Value): Value {
  const exact = [2, 3].every(
    (axis) => typeof skip.shape[axis] === 'number' && skip.shape[axis] === 2 * Number(h.shape[axis]),
  )
  return upsample2x(h, exact ? undefined : skip)
}

/** temb[N,4·C₀] of the timestep, and for SDXL of the pooled text and the picture sizes. */
function timeEmbedding({ timestep, textEmbeds, timeIds }: UNetInputs, w: Weights, config: UNetConfig): Value {
  const size = 4 * config.channels[0]!
  const sine = { flip: config.flipSinToCos, shift: config.freqShift }
  const temb = timestepEmbedding(sinusoidal(timestep, config.channels[0]!, sine), w.at('time_embedding'), size)
  if (!config.additionTimeEmbedDim) return temb
  if (!textEmbeds || !timeIds) throw new TypeError('unet: this model needs textEmbeds and timeIds')
  const [n, count] = [timeIds.shape[0]!, known(timeIds.shape[1], 'unet: time ids')]
  const sizes = sinusoidal(
    reshape(timeIds, [typeof n === 'number' ? n * count : `${n}*${count}`]),
    config.additionTimeEmbedDim,
    sine,
  )
  const flat = reshape(sizes, [n, count * config.additionTimeEmbedDim])
  return add(temb, timestepEmbedding(concat([textEmbeds, flat], 1), w.at('add_embedding'), size))
}
