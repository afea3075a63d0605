/** Shared attention in a call of the UNet: which keys and values each row attends to, and for whom they are masked. */
import { type GatheredKeys, queryClasses } from '../graph/gathered-attention.ts'
import { input } from '../graph/value.ts'
import type { HostTensor } from '../runtime/tensor.ts'

/** What one level of the UNet is fed, by the names of `GatheredKeys`. */
export type SharedKeyFeeds = Readonly<Record<keyof GatheredKeys, HostTensor>>

/** Characters that have classes of their own: class 0 is every query's. */
const mostCharacters = queryClasses - 1

const inputName = (name: keyof GatheredKeys, level: number) => `${name}${level}`

/** The graph's inputs at one level. */
export const sharedKeyInputs = (level: number): GatheredKeys => ({
  index: input(inputName('index', level), ['batch', `keys${level}`], 'int64'),
  queryClass: input(inputName('queryClass', level), ['batch', `pixels${level}`, queryClasses]),
  keyMask: input(inputName('keyMask', level), ['batch', `keys${level}`, queryClasses]),
})

/** The same feeds under the names of that level's inputs. */
export function atLevel(level: number, { index, queryClass, keyMask }: SharedKeyFeeds): Record<string, HostTensor> {
  return {
    [inputName('index', level)]: index,
    [inputName('queryClass', level)]: queryClass,
    [inputName('keyMask', level)]: keyMask,
  }
}

/**
 * Keys of rows of so many `pixels`. Each row has its own pixels first, then the pixels of other rows that are `shared`
 * with it, which count over all rows, then padding up to the longest row, masked for everybody.
 *
 * `labels` give, for each row, the character that each pixel belongs to, from 1, or 0 for none. With them, a shared pixel
 * of one character is masked for queries of any other; a row's own pixels never are.
 */
export function sharedKeyFeeds(
  shared: readonly (readonly number[])[],
  pixels: number,
  labels?: readonly Uint8Array[],
): SharedKeyFeeds {
  const rows = shared.length
  const width = pixels + shared.reduce((most, list) => Math.max(most, list.length), 0)
  const index = new BigInt64Array(rows * width)
  const queryClass = new Float32Array(rows * pixels * queryClasses)
  const keyMask = new Float32Array(rows * width * queryClasses)
  for (const [row, list] of shared.entries()) {
    const first = row * width
    for (let p = 0; p < pixels; p++) {
      index[first + p] = BigInt(row * pixels + p)
      const at = (row * pixels + p) * queryClasses
      queryClass[at] = 1
      const label = labels?.[row]?.[p] ?? 0
      if (label > mostCharacters) throw new RangeError(`character ${label} of at most ${mostCharacters}`)
      if (label > 0) queryClass[at + label] = 1
    }
    for (const [i, pixel] of list.entries()) {
      const key = first + pixels + i
      index[key] = BigInt(pixel)
      const label = labels?.[Math.floor(pixel / pixels)]?.[pixel % pixels] ?? 0
      if (label > 0) for (let c = 1; c < queryClasses; c++) keyMask[key * queryClasses + c] = Number(c !== label)
    }
    // Padding repeats a pixel of its own row: whatever other rows hold, even NaN, cannot come in through it.
    for (let key = first + pixels + list.length; key < first + width; key++) {
      index[key] = BigInt(row * pixels)
      keyMask[key * queryClasses] = 1
    }
  }
  return {
    index: { data: index, shape: [rows, width] },
    queryClass: { data: queryClass, shape: [rows, pixels, queryClasses] },
    keyMask: { data: keyMask, shape: [rows, width, queryClasses] },
  }
}
