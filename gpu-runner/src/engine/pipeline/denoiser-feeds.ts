/** One call of the UNet as plain data, and what its graph is fed for it. */
import { promptOfToken } from '../diffusion/regional-prompts.ts'
import type { UNetConfig } from '../models/unet-config.ts'
import { type HostTensor, stacked } from '../runtime/tensor.ts'
import { embedsName } from './adapters.ts'
import { type AttentionPlan, type Grid, levelGrid } from './attention-plan.ts'
import type { ConditioningRow } from './conditioning.ts'
import { regionalFeeds } from './regional-attention.ts'
import { atLevel, sharedKeyFeeds } from './shared-keys.ts'
import { type Identities, slotFeeds, type TokenSize } from './slots.ts'

/** One row of a call: a frame with its prompt, or with the prompt that guidance leads away from. */
interface DenoiserRow extends ConditioningRow {
  /** [C,h,w] */
  readonly latent: Float32Array
  /** [T,K], over the tokens of all prompts of the row: the mean over each of K groups of tokens. Zeros without one. */
  readonly selector?: Float32Array
}

export interface DenoiserCall {
  readonly rows: readonly DenoiserRow[]
  /** Of the latents. */
  readonly grid: Grid
  readonly timestep: number
  /** K, groups of tokens whose attention is mapped; 1 where no row has a selector. */
  readonly tokenGroups?: number
  /**
   * For each shared level of the plan, for each row: the pixels of other rows that it attends to besides its own, as
   * `row · pixels + pixel`.
   */
  readonly sharedPixels?: readonly (readonly (readonly number[])[])[]
  /** For each shared level, for each row: the character that each pixel belongs to, as `sharedKeyFeeds` takes it. */
  readonly labels?: readonly (readonly Uint8Array[])[] | undefined
  /** References and where they go; needs a model with an identity encoder. */
  readonly identities?: Identities | undefined
  /** Of the sampling from 1, for errors. */
  readonly step?: number
}

/** What a model's graph takes. */
export interface DenoiserSizes {
  readonly config: UNetConfig
  readonly plan: AttentionPlan
  /** Levels that have cross-attention. */
  readonly levels: readonly number[]
  /** Tokens of one prompt, and widths of its embeddings. */
  readonly text: { readonly length: number; readonly width: number; readonly pooledWidth: number }
  /** Of one row, for each IP-Adapter. */
  readonly embedShapes: readonly (readonly number[])[]
  readonly identity: TokenSize | null
}

export function denoiserFeeds(call: DenoiserCall, sizes: DenoiserSizes): Record<string, HostTensor> {
  const { rows, grid, identities } = call
  const { levels, identity } = sizes
  return {
    ...rowFeeds(call, sizes),
    ...promptFeeds(call, sizes),
    ...sharingFeeds(call, sizes),
    ...(hasSlots(call) && slotFeeds(identities!, { rows: rows.length, grid, levels, size: identity! })),
  }
}

/** Whether identities go anywhere in this call: only then are the layers for them run. */
export const hasSlots = ({ identities }: DenoiserCall) => identities !== undefined && identities.slots.length > 0

/** Latents, timestep, and for SDXL pooled text and sizes; the embeddings of pictures for IP-Adapters. */
function rowFeeds({ rows, grid, timestep }: DenoiserCall, { config, text, embedShapes }: DenoiserSizes) {
  const latents = rows.map(({ latent }) => latent)
  const feeds: Record<string, HostTensor> = {
    sample: stacked(latents, [config.inChannels, grid.height, grid.width]),
    timestep: { data: new Float32Array(rows.length).fill(timestep), shape: [rows.length] },
  }
  if (config.additionTimeEmbedDim !== null) {
    const [pooled, sizes] = [rows.map((row) => row.pooled!), rows.map(({ timeIds }) => Float32Array.from(timeIds!))]
    feeds.textEmbeds = stacked(pooled, [text.pooledWidth])
    feeds.timeIds = stacked(sizes, [6])
  }
  for (const [i, shape] of embedShapes.entries()) {
    const embeds = rows.map(({ pictures }) => pictures![i]!)
    feeds[embedsName(i)] = stacked(embeds, shape)
  }
  return feeds
}

/**
 * The chunks of all prompts of each row side by side, as many as the row with the most has, and which pixels attend to
 * which: those of a region to the chunks of its prompt.
 */
function promptFeeds({ rows, grid, tokenGroups = 1 }: DenoiserCall, { text, levels }: DenoiserSizes) {
  const chunk = text.length * text.width
  const owners = rows.map(({ context, regionalContexts = [context] }) =>
    regionalContexts.flatMap((own, region) => Array<number>(own.length / chunk).fill(region)),
  )
  const regions = rows.map(({ regionalContexts }) => regionalContexts?.length ?? 1)
  const prompts = Math.max(...owners.map((own) => own.length))
  const tokens = prompts * text.length
  const contexts = rows.map((row) => contextOf(row, prompts * chunk))
  const selectors = rows.map(({ selector }) => padded(selector, tokens * tokenGroups))
  return {
    context: stacked(contexts, [tokens, text.width]),
    selector: stacked(selectors, [tokens, tokenGroups]),
    promptOf: { data: promptOfToken(prompts, text.length), shape: [tokens] },
    ...regionalFeeds(regions, { owners, prompts, grid, levels }),
  }
}

function sharingFeeds({ rows, grid, sharedPixels, labels }: DenoiserCall, { plan }: DenoiserSizes) {
  const feeds: Record<string, HostTensor> = {}
  for (const [i, level] of plan.shared.entries()) {
    const { width, height } = levelGrid(grid, level)
    const shared = sharedPixels?.[i] ?? rows.map(() => [])
    Object.assign(feeds, atLevel(level, sharedKeyFeeds(shared, width * height, labels?.[i])))
  }
  return feeds
}

/** The contexts of a row's regions one after the other, with zeros, which are masked, up to `size`. */
function contextOf({ context, regionalContexts = [context] }: DenoiserRow, size: number): Float32Array {
  const [first] = regionalContexts as [Float32Array]
  if (first.length === size) return first
  const joined = new Float32Array(size)
  let at = 0
  for (const own of regionalContexts) {
    joined.set(own, at)
    at += own.length
  }
  return joined
}

/** With zeros up to `size`. */
function padded(values: Float32Array | undefined, size: number): Float32Array {
  if (values?.length === size) return values
  const longer = new Float32Array(size)
  if (values) longer.set(values)
  return longer
}
