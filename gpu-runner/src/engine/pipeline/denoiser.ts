/** The UNet of a model as one graph for any batch and size, with attention shared among rows and read out as maps. */
import { z } from 'zod'
import { columnReads, promptOfToken } from '../diffusion/regional-prompts.ts'
import { scale } from '../graph/arithmetic.ts'
import { attention, attentionProbabilities, groupBias, headMean, mergeHeads, splitHeads } from '../graph/attention.ts'
import { type GatheredKeys, gatheredAttention, queryClasses } from '../graph/gathered-attention.ts'
import { matmul } from '../graph/matmul.ts'
import { total } from '../graph/reduce.ts'
import { type Dim, input, type Value } from '../graph/value.ts'
import { openSafetensors } from '../io/safetensors.ts'
import { layerName } from '../models/attention-maps.ts'
import { withIdentities } from '../models/id-injector.ts'
import { crossAttentionLayers, withAdapters } from '../models/ip-adapter.ts'
import type { AttentionCall, AttentionHooks } from '../models/transformer-block.ts'
import { unet } from '../models/unet.ts'
import { parseUNetConfig, type UNetConfig } from '../models/unet-config.ts'
import type { Lora } from '../runtime/lora.ts'
import { changedWeights, storedWeights } from '../runtime/model-weights.ts'
import type { SessionOptions } from '../runtime/session.ts'
import type { HostTensor } from '../runtime/tensor.ts'
import { adapterInputs, embedsName, type PictureAdapter } from './adapters.ts'
import { type AttentionPlan, type Grid, levelGrid, levelOf, planAttention } from './attention-plan.ts'
import type { ConditioningRow } from './conditioning.ts'
import { ModelError, partCheckpoint, partConfig } from './folder.ts'
import { gatherFeeds } from './gather.ts'
import type { IdentityEncoder } from './identity.ts'
import { Part } from './part.ts'
import { type Identities, slotFeeds, slotMaskName } from './slots.ts'

/** One row of a call. */
export interface DenoiserRow extends ConditioningRow {
  /** [C,h,w] */
  readonly latent: Float32Array
  /** Mean over the tokens of each of K characters, [T,K], or over those of all columns. */
  readonly selector?: Float32Array
}

export interface DenoiserCall {
  readonly rows: readonly DenoiserRow[]
  /** Of the latents. */
  readonly grid: Grid
  readonly timestep: number
  /** K; 1 where no row has a selector. */
  readonly characters?: number
  /**
   * For each shared level of the plan, for each row, the pixels of other rows it attends to beside its own, counted
   * over all rows of the call at that level.
   */
  readonly foreign?: readonly (readonly (readonly number[])[])[]
  /** Also for each shared level, for each row: whose each pixel is, as `gatherFeeds` takes it. */
  readonly labels?: readonly (readonly Uint8Array[])[] | undefined
  /** References and where they go; needs a model with an identity encoder. */
  readonly identities?: Identities | undefined
  /** Of the sampling from 1, for errors. */
  readonly step?: number
}

export interface Denoiser {
  readonly config: UNetConfig
  readonly plan: AttentionPlan
  /** For each row the prediction [C,h,w], and attention to each character on the grid of the plan's maps, [S,K]. */
  run(call: DenoiserCall): Promise<{ outputs: Float32Array[]; maps: Float32Array[] }>
  readonly part: Part
  /** The same with the layers of the identity encoder's adapter; null without one. Both point into the same files. */
  readonly injected: Part | null
}

export interface DenoiserOptions extends SessionOptions {
  /** Tokens of a prompt, and widths of its embeddings. */
  readonly text: { readonly length: number; readonly width: number; readonly pooledWidth: number }
  readonly loras?: readonly Lora[] | undefined
  readonly adapters?: readonly PictureAdapter[] | undefined
  readonly identity?: Pick<IdentityEncoder, 'file' | 'tokens' | 'width'> | null | undefined
  /** The one size of latents; masks of adapters need it, as they are cut to the layers while the graph is built. */
  readonly grid?: Grid | undefined
}

export function buildDenoiser(folder: string, settings: DenoiserOptions): Denoiser {
  const { text, loras = [], adapters: given = [], identity = null, grid: fixed, ...options } = settings
  const config = partConfig(z.unknown().transform(parseUNetConfig), folder)
  const plan = planAttention(config)
  if (!plan) throw new ModelError(`${folder}: a UNet without cross-attention cannot follow a prompt`)
  if (config.contextWidth !== text.width)
    throw new ModelError(
      `${folder}: the UNet takes text of width ${config.contextWidth}, the text encoders give ${text.width}`,
    )
  const takesSizes = config.additionTimeEmbedDim !== null
  if (takesSizes !== text.pooledWidth > 0)
    throw new ModelError(
      `${folder}: the UNet ${takesSizes ? 'needs' : 'knows no'} pooled text and picture sizes; model_index.json names another class`,
    )
  if (identity && identity.width !== text.width)
    throw new ModelError(
      `${identity.file} is for a UNet with text of width ${identity.width}; this one has ${text.width}`,
    )
  const files = [...given.map(({ file }) => file), ...(identity ? [identity.file] : [])]
  const opened = changedWeights(partCheckpoint(folder), loras, 'unet', files.map(openSafetensors))
  const { adapters, feeds: constant } = adapterInputs(given, opened.root)
  const inputs = {
    sample: input('sample', ['batch', config.inChannels, fixed?.height ?? 'height', fixed?.width ?? 'width']),
    timestep: input('timestep', ['batch']),
    context: input('context', ['batch', 'tokens', text.width]),
    ...(takesSizes && {
      textEmbeds: input('textEmbeds', ['batch', text.pooledWidth]),
      timeIds: input('timeIds', ['batch', 6]),
    }),
  }
  const graph = (located: IdentityEncoder['file'] | null) => {
    const { self, cross: plain, maps } = attentionHooks(config, plan)
    const adapted = adapters.length > 0 ? withAdapters(adapters, config, plain) : plain
    const cross = located === null ? adapted : locatedHook(located, adapted)
    const output = unet(inputs, opened.weights, config, { self, cross })
    return { output, maps: scale(total(maps), 1 / maps.length) }
  }
  const locatedHook = (file: string, inner: NonNullable<AttentionHooks['cross']>) => {
    const masks = new Map<number, Value>()
    const maskOf = (call: AttentionCall) => {
      const { level } = levelOf(layerName(call), config)
      const mask = masks.get(level) ?? input(slotMaskName(level), ['slots', call.q.shape[1]!, 1])
      masks.set(level, mask)
      return mask
    }
    const slots = {
      rows: input('slotRows', ['slots', 'batch']),
      references: input('slotReferences', ['slotReferences', 'references']),
      absent: input('slotAbsent', ['slots', 1, 1, 'slotKeys']),
      masks: maskOf,
    }
    const tokens = input('identities', ['references', identity!.tokens, identity!.width])
    const layers = storedWeights(openSafetensors(file), opened.root, 'identity.')
    return withIdentities(tokens, slots, layers, config, inner)
  }
  // Both graphs are built at once: a model that lacks a tensor is refused when it is opened.
  const outputs = { plain: graph(null), injected: identity && graph(identity.file) }
  const part = new Part('unet', () => outputs.plain, opened, options)
  const injected = outputs.injected && new Part('unet', () => outputs.injected!, opened, options)
  const levels = [...new Set(crossAttentionLayers(config).map((layer) => levelOf(layer, config).level))]
  return {
    config,
    plan,
    part,
    injected,
    async run({ rows, grid, timestep, characters = 1, foreign, labels, identities, step }) {
      const n = rows.length
      const columns = rows.map((row) => row.columns?.length ?? 1)
      const prompts = Math.max(...columns)
      const tokens = prompts * text.length
      const feeds: Record<string, HostTensor> = {
        ...constant,
        sample: stacked(
          rows.map(({ latent }) => latent),
          [config.inChannels, grid.height, grid.width],
        ),
        timestep: { data: new Float32Array(n).fill(timestep), shape: [n] },
        context: stacked(
          rows.map((row) => contextOf(row, prompts)),
          [tokens, text.width],
        ),
        selector: stacked(
          rows.map(({ selector }) => padded(selector, tokens * characters)),
          [tokens, characters],
        ),
        promptOf: { data: promptOfToken(prompts, text.length), shape: [tokens] },
      }
      for (const level of levels) {
        const own = levelGrid(grid, level)
        feeds[`reads${level}`] = {
          data: columnReads(columns, prompts, own),
          shape: [n, 1, own.width * own.height, prompts],
        }
      }
      if (takesSizes) {
        feeds.textEmbeds = stacked(
          rows.map(({ pooled }) => pooled!),
          [text.pooledWidth],
        )
        feeds.timeIds = stacked(
          rows.map(({ timeIds }) => Float32Array.from(timeIds!)),
          [6],
        )
      }
      for (const [i, { embedShape }] of given.entries())
        feeds[embedsName(i)] = stacked(
          rows.map(({ pictures }) => pictures![i]!),
          embedShape,
        )
      for (const [i, level] of plan.shared.entries()) {
        const { width, height } = levelGrid(grid, level)
        const { index, asks, hides } = gatherFeeds(foreign?.[i] ?? rows.map(() => []), width * height, labels?.[i])
        Object.assign(feeds, { [`index${level}`]: index, [`asks${level}`]: asks, [`hides${level}`]: hides })
      }
      const located = identities !== undefined && identities.slots.length > 0
      if (located) {
        if (!injected) throw new RangeError('a call of the UNet with identities, which this model has no layers for')
        const size = [identity!.tokens, identity!.width] as const
        Object.assign(feeds, slotFeeds(identities, { rows: n, grid, levels, size }))
      }
      const { output, maps } = await (located ? injected! : part).run(feeds, step)
      return { outputs: unstacked(output!, n), maps: unstacked(maps!, n) }
    },
  }
}

/** Hooks of the plan; `maps`, [N,S,K] each, fill as the graph is built. */
function attentionHooks(config: UNetConfig, plan: AttentionPlan) {
  const keys = new Map(
    plan.shared.map((level): [number, GatheredKeys] => [
      level,
      {
        index: input(`index${level}`, ['batch', `keys${level}`], 'int64'),
        asks: input(`asks${level}`, ['batch', `pixels${level}`, queryClasses]),
        hides: input(`hides${level}`, ['batch', `keys${level}`, queryClasses]),
      },
    ]),
  )
  const selector = input('selector', ['batch', 'tokens', 'characters'])
  const promptOf = input('promptOf', ['tokens'], 'int64')
  const biases = new Map<number, Value>()
  const biasOf = (level: number, pixels: Dim) => {
    const bias = biases.get(level) ?? groupBias(input(`reads${level}`, ['batch', 1, pixels, 'prompts']), promptOf)
    biases.set(level, bias)
    return bias
  }
  const maps: Value[] = []
  const self = (call: AttentionCall): Value => {
    const { q, k, v, heads } = call
    const { level, way } = levelOf(layerName(call), config)
    // The way down and the middle stay each frame's own: they decide on layout, which is to differ.
    const gathered = way === 'up' ? keys.get(level) : undefined
    return gathered ? gatheredAttention(q, k, v, heads, gathered) : attention(q, k, v, heads)
  }
  const cross = (call: AttentionCall): Value => {
    const { q, k, v, heads } = call
    const { level } = levelOf(layerName(call), config)
    const bias = biasOf(level, q.shape[1]!)
    if (level !== plan.maps) return attention(q, k, v, heads, bias)
    const p = attentionProbabilities(q, k, heads, bias)
    maps.push(matmul(headMean(p), selector))
    return mergeHeads(matmul(p, splitHeads(v, heads)))
  }
  return { self, cross, maps }
}

/** The contexts of a row's columns one after the other; what is left of P prompts repeats the first, and is hidden. */
function contextOf({ context, columns = [context] }: DenoiserRow, prompts: number): Float32Array {
  const [first] = columns as [Float32Array]
  if (prompts === 1) return first
  const joined = new Float32Array(prompts * first.length)
  for (let i = 0; i < prompts; i++) joined.set(columns[i] ?? first, i * first.length)
  return joined
}

/** With zeros up to `size`. */
function padded(values: Float32Array | undefined, size: number): Float32Array {
  if (values?.length === size) return values
  const longer = new Float32Array(size)
  if (values) longer.set(values)
  return longer
}

function stacked(rows: readonly Float32Array[], shape: readonly number[]): HostTensor {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = new Float32Array(rows.length * size)
  for (const [i, row] of rows.entries()) {
    if (row.length !== size) throw new RangeError(`row ${i} of a UNet call has ${row.length} values, not [${shape}]`)
    data.set(row, i * size)
  }
  return { data, shape: [rows.length, ...shape] }
}

function unstacked({ data }: HostTensor, rows: number): Float32Array[] {
  const size = data.length / rows
  return Array.from({ length: rows }, (_, i) => (data as Float32Array).subarray(i * size, (i + 1) * size))
}
