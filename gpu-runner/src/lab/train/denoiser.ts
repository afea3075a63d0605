/** The denoiser's loss: rectified flow, weighted towards characters, and cross-attention held to their masks. */
import { add, clip, log, mul, neg, offset, scale, sub } from '../../engine/graph/arithmetic.ts'
import { attentionProbabilities, headMean, mergeHeads, splitHeads } from '../../engine/graph/attention.ts'
import { matmul } from '../../engine/graph/matmul.ts'
import { mean, meanSquare, sum, total } from '../../engine/graph/reduce.ts'
import { pooledTo, reshape, transpose } from '../../engine/graph/shape.ts'
import { dims3, input, known, node, type Value } from '../../engine/graph/value.ts'
import { type ClipTextConfig, clipText } from '../../engine/models/clip-text.ts'
import type { AttentionCall } from '../../engine/models/transformer-block.ts'
import { unet } from '../../engine/models/unet.ts'
import type { UNetConfig } from '../../engine/models/unet-config.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { captionTokens, groups, type TokenisedCaption } from './captions.ts'
import { frameFeeds, tokenSelector } from './frame-feeds.ts'
import type { PooledFrame } from './latent-pool.ts'
import type { ParameterSet } from './parameters.ts'
import type { Random } from './random.ts'

export interface DenoiserRecipe {
  batch: number
  /** How far timesteps are shifted towards noise: σ' = shift·σ / (1 + (shift − 1)·σ). */
  shift: number
  /** Loss weight of pixels that a character covers. */
  characterWeight: number
  mapWeight: number
  /** Share of samples whose caption is withheld, for classifier-free guidance. */
  textDrop: number
}

/** Attention maps are held to masks where a pixel is still a place: on grids of at least this many pixels. */
export const smallestMap = 64

/**
 * ‖v − (ε − z)‖² with v the model's velocity at (1 − σ)·z + σ·ε (Liu et al. 2023), and in addition
 * Σ max(0, log ½ − log p) over character pixels, where p is the attention that the words for that part of that
 * character get there. Half of the attention is left free, for words that say what the character does and where.
 */
export function denoiserLoss(
  unetConfig: UNetConfig,
  textConfig: ClipTextConfig,
  recipe: DenoiserRecipe,
  latentShape: readonly [number, number, number],
  parameters: ParameterSet,
) {
  const { batch } = recipe
  const shape = [batch, ...latentShape]
  const [z, noise] = [input('latent', shape), input('noise', shape)]
  const sigma = input('sigma', [batch, 1, 1, 1])
  const masks = input('masks', [batch, groups, latentShape[1], latentShape[2]])
  const selector = input('selector', [batch, captionTokens, groups])
  const context = clipText(
    input('ids', [batch, captionTokens], 'int64'),
    parameters.weights('text_encoder.'),
    textConfig,
  ).last
  const sample = add(z, mul(sigma, sub(noise, z)))
  const mapLosses: Value[] = []
  const cross = (call: AttentionCall) => {
    const p = attentionProbabilities(call.q, call.k, call.heads)
    const pixels = known(call.q.shape[1], 'denoiserLoss: pixels')
    if (pixels >= smallestMap) mapLosses.push(mapLoss(headMean(p), selector, masks))
    return mergeHeads(matmul(p, splitHeads(call.v, call.heads)))
  }
  const timestep = scale(reshape(sigma, [batch]), 1000)
  const velocity = unet({ sample, timestep, context }, parameters.weights('unet.'), unetConfig, { cross })
  const error = sub(velocity, sub(noise, z))
  const covered = clip(sum(masks, [1]), 0, 1)
  const weights = offset(scale(covered, recipe.characterWeight - 1), 1)
  const flow = mean(mul(mul(error, error), weights))
  const maps = scale(total(mapLosses), 1 / mapLosses.length)
  const loss = add(flow, scale(reshape(maps, [1, 1, 1, 1]), recipe.mapWeight))
  return { loss, outputs: { mse: meanSquare(error), maps } }
}

/** p[B,S,T], a mean over heads, against masks[B,G,h,w] pooled to S pixels: a mean over covered pixels, [1,1,1]. */
export function mapLoss(p: Value, selector: Value, masks: Value): Value {
  const [b, s] = dims3(p)
  const attended = matmul(p, selector)
  const target = transpose(reshape(pooledTo(masks, known(s, 'mapLoss: pixels')), [b, groups, s]), [0, 2, 1])
  const lacking = clip(offset(neg(log(offset(attended, 1e-4))), Math.log(0.5)), 0, 100)
  return mul(sum(mul(lacking, target)), node('Reciprocal', [offset(sum(target), 1)], { shape: [1, 1, 1] }))
}

/** A noise level in 0 … 1: logit-normal, then shifted. */
export function drawLevel(shift: number, random: Random): number {
  const plain = 1 / (1 + Math.exp(-random.normal()))
  return (shift * plain) / (1 + (shift - 1) * plain)
}

/** The feeds of one step. `empty` replaces captions that are withheld. */
export function denoiserFeeds(
  items: readonly { pooled: PooledFrame; caption: TokenisedCaption }[],
  empty: TokenisedCaption,
  recipe: DenoiserRecipe,
  latentShape: readonly [number, number, number],
  random: Random,
): Record<string, HostTensor> {
  const { shift, textDrop } = recipe
  const n = items.length
  const used = items.map(({ caption }) => (random.uniform() < textDrop ? empty : caption))
  const sigma = Float32Array.from({ length: n }, () => drawLevel(shift, random))
  return {
    ...frameFeeds(
      items.map(({ pooled }) => pooled),
      latentShape,
    ),
    noise: { data: random.normals(n * latentShape.reduce((a, b) => a * b, 1)), shape: [n, ...latentShape] },
    sigma: { data: sigma, shape: [n, 1, 1, 1] },
    selector: tokenSelector(
      used.map((caption) => caption.groups),
      captionTokens,
    ),
    ids: { data: BigInt64Array.from(used.flatMap(({ ids }) => ids.map(BigInt))), shape: [n, captionTokens] },
  }
}
