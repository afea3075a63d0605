/**
 * Auto-mask self-attention in training: the frames of a set attend to each other's characters. At sampling foreign
 * pixels are in or out; here they are weighted, so that a gradient teaches the cross-attention where characters are.
 */
import { sigmoid } from '../../engine/graph/activation.ts'
import { add, detach, div, log, mul, offset, scale, sub } from '../../engine/graph/arithmetic.ts'
import { attend, mergeHeads, splitHeads } from '../../engine/graph/attention.ts'
import { matmul } from '../../engine/graph/matmul.ts'
import { expandLike, largest, smallest, sum, total } from '../../engine/graph/reduce.ts'
import { concat, reshape, transpose, upsample2x } from '../../engine/graph/shape.ts'
import { constant, dims3, dims4, known, type Value } from '../../engine/graph/value.ts'

/** What every foreign pixel counts, character or not: log must not meet 0. */
const floor = 1e-3

/** How steep the step from background to character is in a mask made from a map. */
const steepness = 8

/**
 * Soft masks [B,C,h,w] from attention maps on one or more grids, [B,C,h',w'] each: their mean is stretched to 0 … 1 and
 * put through σ(8(M̂ − θ)). θ lies half-way between the mean of M̂ inside the true mask and outside of it, which is
 * where Otsu's threshold settles when the two separate. Gradients flow through the maps, not through the stretching.
 */
export function softMasks(maps: readonly Value[], truth: Value): Value {
  const [, , height] = dims4(truth)
  const sized = maps.map((map) => enlargedTo(map, known(height, 'softMasks: height')))
  const map = scale(total(sized), 1 / maps.length)
  const low = smallest(map, [2, 3])
  const stretched = div(sub(map, low), offset(sub(largest(map, [2, 3]), low), 1e-6))
  const outside = offset(scale(truth, -1), 1)
  const threshold = scale(add(weightedMean(stretched, truth), weightedMean(stretched, outside)), 0.5)
  return sigmoid(scale(sub(stretched, detach(threshold)), steepness))
}

/** Mean of x[B,C,h,w] with these weights, [B,C,1,1]. */
function weightedMean(x: Value, weights: Value): Value {
  return div(sum(mul(x, weights), [2, 3]), offset(sum(weights, [2, 3]), 1e-6))
}

function enlargedTo(map: Value, height: number): Value {
  return known(map.shape[2], 'softMasks: map height') < height ? enlargedTo(upsample2x(map), height) : map
}

/**
 * What is added to the scores of frame i for pixel u of frame j, [G,N,1,N·S], for G sets of N frames in the rows of
 * masks[G·N,C,h,w]: 0 where i = j, and log(Σ m_j,c(u) + 1e-3) over the characters c that i and j share elsewhere.
 * `common`[G·N,N,C] says for each j which characters it shares with each i. `closed`[G,N,N,S], i before j, is 0, or far
 * below 0 where a pixel is left out.
 */
export function sharingBias(masks: Value, common: Value, closed: Value): Value {
  const [b, c, h, w] = dims4(masks)
  const [g, n, , s] = dims4(closed)
  const pixels = known(h, 'sharingBias: height') * known(w, 'sharingBias: width')
  if (pixels !== s) throw new RangeError(`sharingBias: masks [${masks.shape}] on a grid of ${s} pixels`)
  const frames = known(n, 'sharingBias: frames')
  const shared = matmul(common, reshape(masks, [b, c, pixels]))
  const byReader = transpose(reshape(shared, [g, frames, frames, pixels]), [0, 2, 1, 3])
  const foreign = Float32Array.from({ length: frames ** 2 }, (_, k) => Number(k % (frames + 1) !== 0))
  const weighed = mul(log(offset(byReader, floor)), constant(foreign, [1, frames, frames, 1]))
  return reshape(add(weighed, closed), [g, frames, 1, frames * pixels])
}

/**
 * q, k, v[G·N,S,D] of G sets: softmax(q kᵀ / √d + bias) v over all N·S pixels of a frame's set, [G·N,S,D]. The bias is
 * the same for all pixels and heads of a frame, so it rides along in the product of queries and keys: a query is made
 * longer by the number of its frame as a one-hot, a key by what it adds in each frame. Nothing of S×T is added, and the
 * gradient of the bias is no sum over S×T.
 */
export function setAttention(q: Value, k: Value, v: Value, heads: number, bias: Value): Value {
  const [b, s, d] = dims3(q)
  const [g, n, , all] = dims4(bias)
  const [sets, frames, pixels] = [known(g, 'setAttention: sets'), known(n, 'setAttention: frames'), Number(all)]
  const bySet = (x: Value) => splitHeads(reshape(x, [g, pixels, d]), heads)
  const alpha = 1 / Math.sqrt(known(d, 'setAttention: width') / heads)
  const frameOf = Float32Array.from({ length: sets * heads * pixels * frames }, (_, i) => {
    const pixel = Math.floor(i / frames) % pixels
    return Number(Math.floor(pixel / known(s, 'setAttention: pixels')) === i % frames)
  })
  const frame = constant(frameOf, [sets, heads, pixels, frames])
  const added = expandLike(transpose(reshape(scale(bias, 1 / alpha), [g, 1, n, all]), [0, 1, 3, 2]), frame)
  const scores = matmul(concat([bySet(q), frame], 3), concat([bySet(k), added], 3), { transB: true, alpha })
  return reshape(mergeHeads(attend(scores, bySet(v))), [b, s, d])
}
