/** What every training on frames is fed: latents, masks, and which tokens speak of which part. */
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { groups } from './captions.ts'
import type { EncodedFrame } from './frame-encoder.ts'

/** latent[N,L,h,w] and masks[N,groups,h,w] of a batch, masks in 0 … 1. */
export function frameFeeds(
  items: readonly EncodedFrame[],
  [channels, height, width]: readonly [number, number, number],
): { latent: HostTensor; masks: HostTensor } {
  const pixels = height * width
  const latent = new Float32Array(items.length * channels * pixels)
  const masks = new Float32Array(items.length * groups * pixels)
  for (const [i, item] of items.entries()) {
    latent.set(item.latent, i * channels * pixels)
    for (const [p, value] of item.masks.entries()) masks[i * groups * pixels + p] = value / 255
  }
  return {
    latent: { data: latent, shape: [items.length, channels, height, width] },
    masks: { data: masks, shape: [items.length, groups, height, width] },
  }
}

/**
 * selector[N,T,groups]: 1 where token t of row n speaks of group g, from the positions of each group's tokens. A part
 * that the caption is silent about has no words to be held to: all tokens speak of it. Its mask still weighs the loss.
 */
export function tokenSelector(rows: readonly (readonly (readonly number[])[])[], tokens: number): HostTensor {
  const data = new Float32Array(rows.length * tokens * groups)
  for (const [i, positions] of rows.entries())
    for (const [g, own] of positions.entries())
      for (const t of own.length > 0 ? own : Array(tokens).keys()) data[(i * tokens + t) * groups + g] = 1
  return { data, shape: [rows.length, tokens, groups] }
}
