/** Indices of the keys and values that rows of a batch attend to, as the gathered attention takes them. */
import type { HostTensor } from '../runtime/session.ts'

/**
 * For every row its own pixels first, then its foreign ones, which count over all rows, then padding up to the longest
 * row, which the length hides.
 */
export function gatherIndices(
  foreign: readonly (readonly number[])[],
  pixels: number,
): { index: HostTensor; length: HostTensor } {
  const rows = foreign.length
  const width = pixels + foreign.reduce((most, list) => Math.max(most, list.length), 0)
  const index = new BigInt64Array(rows * width)
  const length = new Int32Array(rows)
  for (const [row, list] of foreign.entries()) {
    for (let p = 0; p < pixels; p++) index[row * width + p] = BigInt(row * pixels + p)
    for (const [k, pixel] of list.entries()) index[row * width + pixels + k] = BigInt(pixel)
    length[row] = pixels + list.length
  }
  return { index: { data: index, shape: [rows, width] }, length: { data: length, shape: [rows] } }
}
