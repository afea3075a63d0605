/** The residual block that UNet and VAE share (diffusers ResnetBlock2D). */
import { silu } from '../graph/activation.ts'
import { add } from '../graph/arithmetic.ts'
import { reshape } from '../graph/shape.ts'
import type { Value } from '../graph/value.ts'
import { conv, groupNorm, linear } from '../nn/layers.ts'
import type { Weights } from '../nn/weights.ts'

export interface ResnetOptions {
  out: number
  groups: number
  epsilon: number
}

/** x[N,C,H,W] → [N,out,H,W]; temb[N,T] shifts each channel, and the VAE has none. */
export function resnetBlock2D(x: Value, temb: Value | null, w: Weights, options: ResnetOptions): Value {
  const { out, groups, epsilon } = options
  let h = conv(silu(groupNorm(x, w.at('norm1'), groups, epsilon)), w.at('conv1'), out, 3)
  if (temb) {
    const shift = linear(silu(temb), w.at('time_emb_proj'), out)
    h = add(h, reshape(shift, [shift.shape[0]!, out, 1, 1]))
  }
  h = conv(silu(groupNorm(h, w.at('norm2'), groups, epsilon)), w.at('conv2'), out, 3)
  const skip = x.shape[1] === out ? x : conv(x, w.at('conv_shortcut'), out, 1)
  return add(skip, h)
}
