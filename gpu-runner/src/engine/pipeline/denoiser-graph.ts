/** The graph of a model's UNet: any batch and size, attention shared among rows, and attention to the prompt as maps. */
import { scale } from '../graph/arithmetic.ts'
import { attention, attentionProbabilities, headMean, mergeHeads, splitHeads } from '../graph/attention.ts'
import { gatheredAttention } from '../graph/gathered-attention.ts'
import { matmul } from '../graph/matmul.ts'
import { total } from '../graph/reduce.ts'
import { input, type Value } from '../graph/value.ts'
import { layerName } from '../models/attention-maps.ts'
import { withIdentities } from '../models/id-injector.ts'
import { type Adapter, withAdapters } from '../models/ip-adapter.ts'
import type { AttentionCall, AttentionHooks } from '../models/transformer-block.ts'
import { type UNetInputs, unet } from '../models/unet.ts'
import type { UNetConfig } from '../models/unet-config.ts'
import type { Weights } from '../nn/weights.ts'
import { type AttentionPlan, type Grid, levelOf } from './attention-plan.ts'
import { regionalBiases } from './regional-attention.ts'
import { sharedKeyInputs } from './shared-keys.ts'
import { slotInputs, type TokenSize } from './slots.ts'

export interface DenoiserGraph {
  readonly config: UNetConfig
  readonly plan: AttentionPlan
  readonly text: { readonly width: number; readonly pooledWidth: number }
  readonly weights: Weights
  /** The one size of latents; undefined for any. */
  readonly grid?: Grid | undefined
  readonly adapters: readonly Adapter[]
  /** The layers of the identity encoder's adapter, and the tokens they read; null for the UNet without them. */
  readonly identity: ({ readonly layers: Weights } & TokenSize) | null
}

type Cross = NonNullable<AttentionHooks['cross']>

/** `output`, the prediction [N,C,h,w], and `maps`, the attention of each pixel to each group of tokens [N,S,K]. */
export function denoiserGraph(graph: DenoiserGraph): { output: Value; maps: Value } {
  const { config, plan, weights, adapters, identity } = graph
  const recorded: Value[] = []
  const prompts = promptAttention(config, plan, recorded)
  const pictures = adapters.length > 0 ? withAdapters(adapters, config, prompts) : prompts
  const cross = identity ? identityAttention(config, identity, pictures) : pictures
  const output = unet(inputsOf(graph), weights, config, { self: sharedAttention(config, plan), cross })
  return { output, maps: scale(total(recorded), 1 / recorded.length) }
}

function inputsOf({ config, text, grid }: DenoiserGraph): UNetInputs {
  const pooled = {
    textEmbeds: input('textEmbeds', ['batch', text.pooledWidth]),
    timeIds: input('timeIds', ['batch', 6]),
  }
  return {
    sample: input('sample', ['batch', config.inChannels, grid?.height ?? 'height', grid?.width ?? 'width']),
    timestep: input('timestep', ['batch']),
    context: input('context', ['batch', 'tokens', text.width]),
    ...(config.additionTimeEmbedDim !== null && pooled),
  }
}

/**
 * Self-attention, shared among rows at the plan's levels on the way up. The way down and the middle stay each row's own:
 * they decide on layout, which is to differ from frame to frame.
 */
function sharedAttention(config: UNetConfig, { shared }: AttentionPlan): (call: AttentionCall) => Value {
  const keys = new Map(shared.map((level) => [level, sharedKeyInputs(level)]))
  return (call) => {
    const { q, k, v, heads } = call
    const { level, way } = levelOf(layerName(call), config)
    const gathered = way === 'up' ? keys.get(level) : undefined
    return gathered ? gatheredAttention(q, k, v, heads, gathered) : attention(q, k, v, heads)
  }
}

/** Cross-attention of each region to its own prompt. At the plan's level of maps it leaves one [N,S,K] in `recorded`. */
function promptAttention(config: UNetConfig, plan: AttentionPlan, recorded: Value[]): Cross {
  const selector = input('selector', ['batch', 'tokens', 'groups'])
  const promptOf = input('promptOf', ['tokens'], 'int64')
  const biasOf = regionalBiases({ batch: 'batch', prompts: 'prompts', promptOf })
  return (call) => {
    const { q, k, v, heads } = call
    const { level } = levelOf(layerName(call), config)
    const bias = biasOf(level, q.shape[1]!)
    if (level !== plan.maps) return attention(q, k, v, heads, bias)
    const p = attentionProbabilities(q, k, heads, bias)
    recorded.push(matmul(headMean(p), selector))
    return mergeHeads(matmul(p, splitHeads(v, heads)))
  }
}

/** `inner`, and what the references' tokens answer at their slots. */
function identityAttention(config: UNetConfig, identity: NonNullable<DenoiserGraph['identity']>, inner: Cross): Cross {
  const { tokens, slots } = slotInputs(config, identity)
  return withIdentities(tokens, slots, identity.layers, config, inner)
}
