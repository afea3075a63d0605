/** Keys and values that rows of a batch attend to, as the gathered attention takes them. */
import { queryClasses } from '../graph/gathered-attention.ts'
import type { HostTensor } from '../runtime/tensor.ts'

/** Characters that can be guarded from each other: one class is everybody's. */
const mostGuarded = queryClasses - 1

export interface GatherFeeds {
  readonly index: HostTensor
  readonly asks: HostTensor
  readonly hides: HostTensor
}

/**
 * For every row its own pixels first, then its foreign ones, which count over all rows, then padding up to the longest
 * row, which is hidden from everybody.
 *
 * `labels` say for each row, for each pixel, whose it is: the number of a character from 1, or 0 for nobody. With them, a
 * pixel of one character sees no foreign pixel of another; its own row it always sees whole.
 */
export function gatherFeeds(
  foreign: readonly (readonly number[])[],
  pixels: number,
  labels?: readonly Uint8Array[],
): GatherFeeds {
  const rows = foreign.length
  const width = pixels + foreign.reduce((most, list) => Math.max(most, list.length), 0)
  const index = new BigInt64Array(rows * width)
  const asks = new Float32Array(rows * pixels * queryClasses)
  const hides = new Float32Array(rows * width * queryClasses)
  for (const [row, list] of foreign.entries()) {
    const first = row * width
    for (let p = 0; p < pixels; p++) {
      index[first + p] = BigInt(row * pixels + p)
      const at = (row * pixels + p) * queryClasses
      asks[at] = 1
      const label = labels?.[row]?.[p] ?? 0
      if (label > mostGuarded) throw new RangeError(`character ${label} of at most ${mostGuarded}`)
      if (label > 0) asks[at + label] = 1
    }
    for (const [i, pixel] of list.entries()) {
      const key = first + pixels + i
      index[key] = BigInt(pixel)
      const label = labels?.[Math.floor(pixel / pixels)]?.[pixel % pixels] ?? 0
      // Hidden from every character but its own.
      if (label > 0) for (let c = 1; c < queryClasses; c++) hides[key * queryClasses + c] = Number(c !== label)
    }
    // Padding repeats a pixel of its row, so that nothing of others, not even what is not finite, comes in with it.
    for (let key = first + pixels + list.length; key < first + width; key++) {
      index[key] = BigInt(row * pixels)
      hides[key * queryClasses] = 1
    }
  }
  return {
    index: { data: index, shape: [rows, width] },
    asks: { data: asks, shape: [rows, pixels, queryClasses] },
    hides: { data: hides, shape: [rows, width, queryClasses] },
  }
}
