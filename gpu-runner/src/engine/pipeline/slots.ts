/** Where identities go in a call of the UNet: the slots of an ID-Injector as inputs of the graph, and what they are fed. */
import { input, type Value } from '../graph/value.ts'
import { layerName } from '../models/attention-maps.ts'
import type { IdentitySlots } from '../models/id-injector.ts'
import type { AttentionCall } from '../models/transformer-block.ts'
import type { UNetConfig } from '../models/unet-config.ts'
import { type HostTensor, stacked } from '../runtime/tensor.ts'
import { type Grid, levelGrid, levelOf } from './attention-plan.ts'

/** A region of one row that gets an identity. */
export interface IdentitySlot {
  readonly row: number
  /** Places in `Identities.tokens`. */
  readonly references: readonly number[]
  /** How much of the identity each pixel gets, 0 … 1, on the grid of the latents. */
  readonly mask: Float32Array
}

export interface Identities {
  /** Tokens of each reference, [T,X]. */
  readonly tokens: readonly Float32Array[]
  readonly slots: readonly IdentitySlot[]
}

/** T and X: tokens of one reference, and the width of each. */
export interface TokenSize {
  readonly tokens: number
  readonly width: number
}

/** Added to the scores of tokens that belong to no reference of a slot. */
const maskedScore = -1e4

const maskName = (level: number) => `slotMask${level}`

/** The graph's inputs: the references' tokens[R,T,X], and the slots that they go to. */
export function slotInputs(config: UNetConfig, { tokens, width }: TokenSize): { tokens: Value; slots: IdentitySlots } {
  const masks = new Map<number, Value>()
  const maskOf = (call: AttentionCall) => {
    const { level } = levelOf(layerName(call), config)
    const mask = masks.get(level) ?? input(maskName(level), ['slots', call.q.shape[1]!, 1])
    masks.set(level, mask)
    return mask
  }
  return {
    tokens: input('identities', ['references', tokens, width]),
    slots: {
      rows: input('slotRows', ['slots', 'batch']),
      references: input('slotReferences', ['slotReferences', 'references']),
      tokenBias: input('slotTokenBias', ['slots', 1, 1, 'slotKeys']),
      masks: maskOf,
    },
  }
}

export interface SlotSizes {
  /** Of the call. */
  readonly rows: number
  /** Of the latents. */
  readonly grid: Grid
  /** Of the UNet, those that have cross-attention. */
  readonly levels: readonly number[]
  readonly size: TokenSize
}

export function slotFeeds({ tokens, slots }: Identities, { rows, grid, levels, size }: SlotSizes) {
  const { tokens: t, width: x } = size
  const [p, r] = [slots.length, tokens.length]
  const each = Math.max(...slots.map(({ references }) => references.length))
  const slotRows = new Float32Array(p * rows)
  const slotReferences = new Float32Array(p * each * r)
  const tokenBias = new Float32Array(p * each * t).fill(maskedScore)
  for (const [i, slot] of slots.entries()) {
    slotRows[i * rows + slot.row] = 1
    for (const [k, reference] of slot.references.entries()) {
      slotReferences[(i * each + k) * r + reference] = 1
      tokenBias.fill(0, (i * each + k) * t, (i * each + k + 1) * t)
    }
  }
  const feeds: Record<string, HostTensor> = {
    identities: stacked(tokens, [t, x]),
    slotRows: { data: slotRows, shape: [p, rows] },
    slotReferences: { data: slotReferences, shape: [p * each, r] },
    slotTokenBias: { data: tokenBias, shape: [p, 1, 1, each * t] },
  }
  for (const level of levels) {
    const to = levelGrid(grid, level)
    const pixels = to.width * to.height
    const masks = new Float32Array(p * pixels)
    for (const [i, { mask }] of slots.entries()) masks.set(shrunk(mask, grid, level), i * pixels)
    feeds[maskName(level)] = { data: masks, shape: [p, pixels, 1] }
  }
  return feeds
}

/** The mean of each 2×2 block, `level` times; at odd sides the last block is what is left. */
function shrunk(mask: Float32Array, grid: Grid, level: number): Float32Array {
  let [values, from] = [mask, grid]
  for (let l = 0; l < level; l++) {
    const to = levelGrid(from, 1)
    values = Float32Array.from({ length: to.width * to.height }, (_, p) =>
      blockMean(values, from, p % to.width, Math.floor(p / to.width)),
    )
    from = to
  }
  return values
}

/** The mean of the 2×2 block in column x and row y of blocks, or of what the grid has of it. */
function blockMean(values: Float32Array, { width, height }: Grid, x: number, y: number): number {
  const [right, bottom] = [Math.min(width, 2 * x + 2), Math.min(height, 2 * y + 2)]
  let [sum, count] = [0, 0]
  for (let v = 2 * y; v < bottom; v++)
    for (let u = 2 * x; u < right; u++) {
      sum += values[v * width + u]!
      count++
    }
  return sum / count
}
