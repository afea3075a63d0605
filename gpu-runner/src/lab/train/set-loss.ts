/**
 * The denoiser's loss on sets of frames: rectified flow with attention shared by mask, identities from references at
 * their places, and the mask perceptual loss through a frozen segmentation network.
 */
import { promptOfToken } from '../../engine/diffusion/regional-prompts.ts'
import { add, clip, mul, offset, scale, sub } from '../../engine/graph/arithmetic.ts'
import { attention, attentionProbabilities, headMean, mergeHeads, splitHeads } from '../../engine/graph/attention.ts'
import { matmul } from '../../engine/graph/matmul.ts'
import { mean, meanSquare, sum, total } from '../../engine/graph/reduce.ts'
import { pooledTo, reshape, transpose } from '../../engine/graph/shape.ts'
import { constant, type Dim, input, known, type Value } from '../../engine/graph/value.ts'
import { layerName } from '../../engine/models/attention-maps.ts'
import { CharacterEncoderConfig } from '../../engine/models/character-encoder.ts'
import { type ClipTextConfig, clipText } from '../../engine/models/clip-text.ts'
import { withIdentities } from '../../engine/models/id-injector.ts'
import type { AttentionCall } from '../../engine/models/transformer-block.ts'
import { unet } from '../../engine/models/unet.ts'
import type { UNetConfig } from '../../engine/models/unet-config.ts'
import type { Weights } from '../../engine/nn/weights.ts'
import { levelOf } from '../../engine/pipeline/attention-plan.ts'
import { regionalBiases } from '../../engine/pipeline/regional-attention.ts'
import { captionTokens, groups, maxCharacters, parts } from './captions.ts'
import { type DenoiserRecipe, mapLoss, smallestMap } from './denoiser.ts'
import { type IdentityRecipe, identityTokens } from './identity.ts'
import type { ParameterSet } from './parameters.ts'
import type { ReferenceRecipe } from './reference-strategy.ts'
import { maskPerceptualLoss, partLoss, partTargets, type SegmenterConfig, segment } from './segmenter.ts'
import { setAttention, sharingBias, softMasks } from './shared-attention.ts'

export interface SetRecipe extends Omit<DenoiserRecipe, 'batch'> {
  /** Pieces of a step, each computed by a thread of its own; sets in a piece, and frames in each. */
  pieces: number
  sets: number
  frames: number
  /** Share of samples without references, and without references and caption; `textDrop` is without caption alone. */
  imageDrop: number
  bothDrop: number
  /** Share of captions that say hardly anything about the characters. */
  shortCaptions: number
  /** Share of sets that share no attention, and of frames that others do not see. */
  alone: number
  frameDrop: number
  /** Foreign pixels are left out with a probability from 0 to this, drawn for each set. */
  keyDrop: number
  /** At the end of training, share of sets that share by true masks instead of those of their own attention. */
  truthAtEnd: number
  /** Share of sets whose frames all have one noise level, and share with one frame that is all but clean. */
  commonLevel: number
  cleanFrame: number
  perceptualWeight: number
  segmentWeight: number
  /** Steps over which these two come in. */
  perceptualWarmup: number
  references: ReferenceRecipe
}

export interface SetModel {
  unet: UNetConfig
  text: ClipTextConfig
  identity: IdentityRecipe
  segmenter: SegmenterConfig
  /** Latents of one frame, [L,h,w]. */
  latentShape: readonly [number, number, number]
}

/** Pixels of the grids on which frames share attention: that of the latents, and the next. */
export const sharedGrids = ([, h, w]: readonly [number, number, number]): number[] => [h * w, (h * w) / 4]

export function setLoss(model: SetModel, recipe: SetRecipe, segmenter: Weights, parameters: ParameterSet) {
  const { sets, frames } = recipe
  const batch = sets * frames
  const [, height, width] = model.latentShape
  const shape = [batch, ...model.latentShape]
  const [z, noise] = [input('latent', shape), input('noise', shape)]
  const sigma = input('sigma', [batch, 1, 1, 1])
  const masks = input('masks', [batch, groups, height, width])
  const tokens = maxCharacters * captionTokens
  const selector = input('selector', [batch, tokens, groups])
  const context = captionContext(batch, model.text, parameters)
  const sample = add(z, mul(sigma, sub(noise, z)))

  const maps = { all: [] as Value[], losses: [] as Value[] }
  const shared = sharing(model, recipe, masks, maps.all)
  const castSelector = input('castSelector', [batch, tokens, maxCharacters])
  const biasOf = captionBiases(batch)
  const text = (call: AttentionCall) => {
    const { q, k, v, heads } = call
    const pixels = known(q.shape[1], 'setLoss: pixels')
    const p = attentionProbabilities(q, k, heads, biasOf(levelOf(layerName(call), model.unet).level, pixels))
    if (pixels >= smallestMap) {
      const average = headMean(p)
      maps.losses.push(mapLoss(average, selector, masks))
      const side = Math.sqrt(pixels)
      maps.all.push(reshape(transpose(matmul(average, castSelector), [0, 2, 1]), [batch, maxCharacters, side, side]))
    }
    return mergeHeads(matmul(p, splitHeads(v, heads)))
  }
  const cross = identities(model, recipe, parameters, text)
  const timestep = scale(reshape(sigma, [batch]), 1000)
  const velocity = unet({ sample, timestep, context }, parameters.weights('unet.'), model.unet, { self: shared, cross })

  const error = sub(velocity, sub(noise, z))
  const covered = clip(sum(masks, [1]), 0, 1)
  const weights = mul(offset(scale(covered, recipe.characterWeight - 1), 1), input('flowWeight', [batch, 1, 1, 1]))
  const flow = mean(mul(mul(error, error), weights))
  const attended = scale(total(maps.losses), 1 / maps.losses.length)

  const drawn = segment(sub(sample, mul(sigma, velocity)), segmenter, model.segmenter)
  const real = segment(z, segmenter, model.segmenter)
  const when = input('perceptualAt', [batch, 1, 1, 1])
  const perceptual = mean(mul(maskPerceptualLoss(drawn.features, real.features, covered), when))
  const segmented = mean(mul(partLoss(drawn.logits, partTargets(masks)), when))
  const loss = total([
    flow,
    scale(reshape(attended, [1, 1, 1, 1]), recipe.mapWeight),
    scale(perceptual, recipe.perceptualWeight),
    scale(segmented, recipe.segmentWeight),
  ])
  return { loss, outputs: { mse: meanSquare(error), maps: attended, perceptual, segmented } }
}

/**
 * What the columns of each frame read, [batch, columns·T, X]. Most captions are the empty one of a column that nobody
 * stands in, so each is encoded once, and `captionOf` says with a one at which place of `ids` a column's caption is.
 */
function captionContext(batch: number, text: ClipTextConfig, parameters: ParameterSet): Value {
  const ids = input('ids', ['captions', captionTokens], 'int64')
  const encoded = clipText(ids, parameters.weights('text_encoder.'), text).last
  const captionOf = input('captionOf', [batch * maxCharacters, 'captions'])
  const columns = matmul(captionOf, reshape(encoded, ['captions', captionTokens * text.width]))
  return reshape(columns, [batch, maxCharacters * captionTokens, text.width])
}

/** For each level of the UNet, the bias that keeps the pixels of each region to the words of its own caption. */
export function captionBiases(batch: Dim): (level: number, pixels: Dim) => Value {
  return regionalBiases({
    batch,
    prompts: maxCharacters,
    promptOf: constant(promptOfToken(maxCharacters, captionTokens)),
  })
}

/** Self-attention: on the way up and on the shared grids over the whole set, elsewhere each frame's own. */
function sharing(model: SetModel, { sets, frames }: SetRecipe, masks: Value, maps: readonly Value[]) {
  const [, height, width] = model.latentShape
  const batch = sets * frames
  const truth = clip(sum(reshape(masks, [batch, maxCharacters, parts.length, height * width]), [2]), 0, 1)
  const known = reshape(truth, [batch, maxCharacters, height, width])
  const useTruth = input('useTruth', [batch, 1, 1, 1])
  const common = input('common', [batch, frames, maxCharacters])
  const closed = new Map(
    sharedGrids(model.latentShape).map((pixels) => [pixels, input(`closed${pixels}`, [sets, frames, frames, pixels])]),
  )
  const made = new Map<number, Value>()
  /** Masks by the maps of the layers before. */
  const masksNow = () => {
    const before = made.get(maps.length)
    if (before) return before
    const soft = softMasks(maps, known)
    const mixed = add(soft, mul(useTruth, sub(known, soft)))
    made.set(maps.length, mixed)
    return mixed
  }
  return ({ q, k, v, heads, weights }: AttentionCall): Value => {
    const pixels = Number(q.shape[1])
    const own = closed.get(pixels)
    if (!own || !weights.prefix.startsWith('up_blocks.')) return attention(q, k, v, heads)
    return setAttention(q, k, v, heads, sharingBias(pooledTo(masksNow(), pixels), common, own))
  }
}

/** Cross-attention: the caption, and at their places the references. */
function identities(
  model: SetModel,
  recipe: SetRecipe,
  parameters: ParameterSet,
  text: (call: AttentionCall) => Value,
) {
  const { slots, references, perSlot } = recipe.references
  const [, height, width] = model.latentShape
  const { size } = CharacterEncoderConfig.parse(model.identity.encoder)
  const tokens = identityTokens(input('pixels', [references, 3, size, size]), model.identity, parameters)
  const masks = input('slotMasks', [slots, 1, height, width])
  const places = {
    rows: input('slotRows', [slots, recipe.sets * recipe.frames]),
    references: input('slotReferences', [slots * perSlot, references]),
    tokenBias: input('slotTokenBias', [slots, 1, 1, perSlot * model.identity.adapter.tokens]),
    masks: ({ q }: AttentionCall) => {
      const pixels = known(q.shape[1], 'setLoss: pixels')
      return reshape(pooledTo(masks, pixels), [slots, pixels, 1])
    },
  }
  return withIdentities(tokens, places, parameters.weights('adapter.'), model.unet, text)
}
