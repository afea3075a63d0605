/** Where identities go in a call of the UNet: the feeds of an ID-Injector's slots, on the grids of all its layers. */
import type { HostTensor } from '../runtime/tensor.ts'
import { type Grid, levelGrid } from './attention-plan.ts'

/** A region of one row that references are drawn at. */
export interface IdentitySlot {
  readonly row: number
  /** Places in the call's `identities`. */
  readonly references: readonly number[]
  /** How much of the identity each pixel gets, 0 … 1, on the grid of the latents. */
  readonly mask: Float32Array
}

export interface Identities {
  /** Tokens of each reference, [T,X]. */
  readonly tokens: readonly Float32Array[]
  readonly slots: readonly IdentitySlot[]
}

/** Added to scores of tokens that a slot has not. */
const hidden = -1e4

export const slotMaskName = (level: number) => `slotMask${level}`

/** `size` of a reference's tokens: [T,X]. `levels` are those of the UNet that have cross-attention. */
export function slotFeeds(
  { tokens, slots }: Identities,
  {
    rows,
    grid,
    levels,
    size: [t, x],
  }: { rows: number; grid: Grid; levels: readonly number[]; size: readonly [number, number] },
): Record<string, HostTensor> {
  const [p, r] = [slots.length, tokens.length]
  const each = Math.max(...slots.map(({ references }) => references.length))
  const identities = new Float32Array(r * t * x)
  for (const [i, own] of tokens.entries()) identities.set(own, i * t * x)
  const where = new Float32Array(p * rows)
  const chosen = new Float32Array(p * each * r)
  const absent = new Float32Array(p * each * t).fill(hidden)
  for (const [i, slot] of slots.entries()) {
    where[i * rows + slot.row] = 1
    for (const [k, reference] of slot.references.entries()) {
      chosen[(i * each + k) * r + reference] = 1
      absent.fill(0, (i * each + k) * t, (i * each + k + 1) * t)
    }
  }
  const feeds: Record<string, HostTensor> = {
    identities: { data: identities, shape: [r, t, x] },
    slotRows: { data: where, shape: [p, rows] },
    slotReferences: { data: chosen, shape: [p * each, r] },
    slotAbsent: { data: absent, shape: [p, 1, 1, each * t] },
  }
  for (const level of levels) {
    const to = levelGrid(grid, level)
    const pixels = to.width * to.height
    const masks = new Float32Array(p * pixels)
    for (const [i, { mask }] of slots.entries()) masks.set(shrunk(mask, grid, level), i * pixels)
    feeds[slotMaskName(level)] = { data: masks, shape: [p, pixels, 1] }
  }
  return feeds
}

/** The mean of each 2×2 block, `level` times; at odd sides the last block is what is left. */
function shrunk(mask: Float32Array, grid: Grid, level: number): Float32Array {
  let [values, from] = [mask, grid]
  for (let l = 0; l < level; l++) {
    const to = levelGrid(from, 1)
    const smaller = new Float32Array(to.width * to.height)
    for (let y = 0; y < to.height; y++)
      for (let x = 0; x < to.width; x++) {
        const [right, bottom] = [Math.min(from.width, 2 * x + 2), Math.min(from.height, 2 * y + 2)]
        let [sum, count] = [0, 0]
        for (let v = 2 * y; v < bottom; v++)
          for (let u = 2 * x; u < right; u++) {
            sum += values[v * from.width + u]!
            count++
          }
        smaller[y * to.width + x] = sum / count
      }
    values = smaller
    from = to
  }
  return values
}
