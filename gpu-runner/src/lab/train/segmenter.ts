/**
 * The segmentation network φ behind the mask perceptual loss. It reads latents, not pictures: these are a linear code of
 * 8×8 patches, so that nothing is lost, and a denoiser's step then needs no decoder, which would cost several times the
 * denoiser itself.
 */
import { silu, softplus } from '../../engine/graph/activation.ts'
import { clip, mul, offset, scale, square, sub } from '../../engine/graph/arithmetic.ts'
import { mean, sum, total } from '../../engine/graph/reduce.ts'
import { concat, pooledTo, reshape, upsample2x } from '../../engine/graph/shape.ts'
import { type Dim, dims4, known, node, type Value } from '../../engine/graph/value.ts'
import { conv, groupNorm } from '../../engine/nn/layers.ts'
import type { Weights } from '../../engine/nn/weights.ts'
import { maxCharacters, parts } from './captions.ts'

export interface SegmenterConfig {
  /** Channels on the latents' own grid, on half and on a quarter of it. */
  channels: readonly [number, number, number]
  groups: number
}

export interface Segmentation {
  /** Two on the finest grid, one on each coarser one: what pictures are compared by. */
  features: Value[]
  /** [B,parts,h,w]: face, upper and lower body of whichever character. */
  logits: Value
}

/** latent[B,L,h,w] → features and parts. */
export function segment(latent: Value, w: Weights, { channels, groups }: SegmenterConfig): Segmentation {
  const [fine, half, quarter] = channels
  const layer = (x: Value, name: string, out: number, stride: 1 | 2 = 1) =>
    silu(groupNorm(conv(x, w.at(name).at('conv'), out, 3, { stride }), w.at(name).at('norm'), groups, 1e-5))
  const first = layer(latent, 'in', fine)
  const second = layer(first, 'fine', fine)
  const third = layer(layer(second, 'down1', half, 2), 'half', half)
  const fourth = layer(layer(third, 'down2', quarter, 2), 'quarter', quarter)
  const up = layer(concat([upsample2x(fourth), third], 1), 'up1', half)
  const last = layer(concat([upsample2x(up), second], 1), 'up2', fine)
  return { features: [first, second, third, fourth], logits: conv(last, w.at('out'), parts.length, 3) }
}

/** masks[B,characters·parts,h,w] → [B,parts,h,w] in 0 … 1. */
export function partTargets(masks: Value): Value {
  const [b, , h, w] = dims4(masks)
  const byCharacter = reshape(masks, [b, maxCharacters, parts.length, pixels(h, w)])
  return clip(reshape(sum(byCharacter, [1]), [b, parts.length, h, w]), 0, 1)
}

/** Binary cross-entropy of `logits` and soft `targets`, a mean for each sample, [B,1,1,1]. */
export function partLoss(logits: Value, targets: Value): Value {
  return mean(sub(softplus(logits), mul(logits, targets)), [1, 2, 3])
}

/**
 * Σ_l ‖(φ_l(x̂) − φ_l(x)) ⊙ m_l‖² / (C_l·‖m_l‖₁ + 1) for each sample, [B,1,1,1]: how far the characters of one picture
 * are from those of another in what φ sees. mask[B,1,h,w] covers all characters.
 */
export function maskPerceptualLoss(drawn: readonly Value[], real: readonly Value[], mask: Value): Value {
  return total(
    drawn.map((features, l) => {
      const [, channels, h, w] = dims4(features)
      const own = pooledTo(mask, pixels(h, w))
      const distance = sum(square(mul(sub(features, real[l]!), own)), [1, 2, 3])
      const area = offset(scale(sum(own, [1, 2, 3]), known(channels, 'maskPerceptualLoss: channels')), 1)
      return mul(distance, node('Reciprocal', [area], { shape: area.shape }))
    }),
  )
}

const pixels = (h: Dim, w: Dim) => known(h, 'segmenter: height') * known(w, 'segmenter: width')
