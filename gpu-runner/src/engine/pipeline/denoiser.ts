/** The UNet of a model, open for calls: its files checked against each other, its graph built, its sessions kept. */
import { z } from 'zod'
import { openSafetensors } from '../io/safetensors.ts'
import { crossAttentionLayers } from '../models/ip-adapter.ts'
import { parseUNetConfig, type UNetConfig } from '../models/unet-config.ts'
import type { Lora } from '../runtime/lora.ts'
import { changedWeights, storedWeights } from '../runtime/model-weights.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { unstacked } from '../runtime/tensor.ts'
import { adapterInputs, type PictureAdapter } from './adapters.ts'
import { type AttentionPlan, type Grid, levelOf, planAttention } from './attention-plan.ts'
import { type DenoiserCall, type DenoiserSizes, denoiserFeeds, hasSlots } from './denoiser-feeds.ts'
import { denoiserGraph } from './denoiser-graph.ts'
import type { IdentityEncoder } from './identity.ts'
import { Part } from './part.ts'
import { ModelError, type ModelPart } from './source.ts'

export interface Denoiser {
  readonly config: UNetConfig
  readonly plan: AttentionPlan
  /** For each row the prediction [C,h,w], and the attention to each group of tokens on the grid of the maps, [S,K]. */
  run(call: DenoiserCall): Promise<{ outputs: Float32Array[]; maps: Float32Array[] }>
  readonly part: Part
  /** The same with the layers of the identity encoder's adapter; null without one. Both point into the same files. */
  readonly injected: Part | null
}

export interface DenoiserOptions extends SessionOptions {
  readonly text: DenoiserSizes['text']
  readonly loras?: readonly Lora[] | undefined
  readonly adapters?: readonly PictureAdapter[] | undefined
  readonly identity?: Pick<IdentityEncoder, 'file' | 'tokens' | 'width'> | null | undefined
  /** The one size of latents; masks of adapters need it, as they are cut to the layers while the graph is built. */
  readonly grid?: Grid | undefined
}

export function buildDenoiser(from: ModelPart, settings: DenoiserOptions): Denoiser {
  const { text, loras = [], adapters: given = [], identity = null, grid, ...options } = settings
  const config = from.config(z.unknown().transform(parseUNetConfig))
  const plan = planAttention(config)
  if (!plan) throw new ModelError(`${from.path}: a UNet without cross-attention cannot follow a prompt`)
  checkWidths(from.path, config, settings)
  const files = [...given.map(({ file }) => file), ...(identity ? [identity.file] : [])].map(openSafetensors)
  const opened = changedWeights(from.checkpoint(), loras, 'unet', files)
  const { adapters, feeds: scalesAndMasks } = adapterInputs(given, opened.root)
  const layers = identity && storedWeights(files.at(-1)!, opened.root, 'identity.')
  // Both graphs are built at once: a model that lacks a tensor is refused when it is opened.
  const graph = { config, plan, text, grid, weights: opened.weights, adapters }
  const plain = denoiserGraph({ ...graph, identity: null })
  const withLayers = identity && layers ? denoiserGraph({ ...graph, identity: { ...identity, layers } }) : null
  const part = new Part('unet', () => ({ ...plain }), opened, options)
  const injected = withLayers && new Part('unet', () => ({ ...withLayers }), opened, options)
  const levels = [...new Set(crossAttentionLayers(config).map((layer) => levelOf(layer, config).level))]
  const sizes = { config, plan, levels, text, embedShapes: given.map(({ embedShape }) => embedShape), identity }
  return {
    config,
    plan,
    part,
    injected,
    async run(call) {
      const used = hasSlots(call) ? injected : part
      if (!used) throw new RangeError('a call of the UNet with identities, which this model has no layers for')
      const { output, maps } = await used.run({ ...scalesAndMasks, ...denoiserFeeds(call, sizes) }, call.step)
      return { outputs: unstacked(output!, call.rows.length), maps: unstacked(maps!, call.rows.length) }
    },
  }
}

function checkWidths(path: string, config: UNetConfig, { text, identity }: DenoiserOptions): void {
  if (config.contextWidth !== text.width)
    throw new ModelError(
      `${path}: the UNet takes text of width ${config.contextWidth}, the text encoders give ${text.width}`,
    )
  const takesSizes = config.additionTimeEmbedDim !== null
  if (takesSizes !== text.pooledWidth > 0)
    throw new ModelError(
      `${path}: the UNet ${takesSizes ? 'needs' : 'knows no'} pooled text and picture sizes; model_index.json names another class`,
    )
  if (identity && identity.width !== text.width)
    throw new ModelError(
      `${identity.file} is for a UNet with text of width ${identity.width}; this one has ${text.width}`,
    )
}
