/** Indices of the keys and values that rows of a batch attend to, as the gathered attention takes them. */
import type { HostTensor } from '../runtime/session.ts'

/**
 * For every row its own pixels first, then its foreign ones, which count over all rows, then padding up to the longest
 * row: the number one past the last pixel.
 */
export function gatherIndices(foreign: readonly (readonly number[])[], pixels: number): HostTensor {
  const rows = foreign.length
  const width = pixels + foreign.reduce((most, list) => Math.max(most, list.length), 0)
  const index = new BigInt64Array(rows * width).fill(BigInt(rows * pixels))
  for (const [row, list] of foreign.entries()) {
    for (let p = 0; p < pixels; p++) index[row * width + p] = BigInt(row * pixels + p)
    for (const [k, pixel] of list.entries()) index[row * width + pixels + k] = BigInt(pixel)
  }
  return { data: index, shape: [rows, width] }
}
