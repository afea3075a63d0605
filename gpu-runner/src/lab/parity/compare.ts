/** How far a computed tensor is from the expected one. */
import type { HostTensor } from '../../engine/runtime/tensor.ts'

export interface Tolerance {
  readonly atol: number
  readonly rtol: number
  /** Apply `rtol` to the largest value of each so many elements, not to each by itself. */
  readonly block?: number
}

export interface Check {
  readonly output: string
  readonly maxAbs: number
  /** Relative to the largest expected value of the tensor. */
  readonly maxRel: number
  readonly pass: boolean
  readonly note?: string
}

/** Passes where |got − want| ≤ atol + rtol·|want| for every element; NaN never does. */
export function compare(output: string, got: HostTensor, want: HostTensor, tolerance: Tolerance): Check {
  const fail = (note: string): Check => ({ output, maxAbs: Infinity, maxRel: Infinity, pass: false, note })
  if (got.shape.length !== want.shape.length || got.shape.some((dim, i) => dim !== want.shape[i]))
    return fail(`has the shape [${got.shape}], not [${want.shape}]`)
  if (got.data.length !== want.data.length) return fail(`has ${got.data.length} values, not ${want.data.length}`)
  const { atol, rtol, block = 1 } = tolerance
  let [maxAbs, largest, outside, reference] = [0, 0, 0, 0]
  for (let i = 0; i < want.data.length; i++) {
    if (i % block === 0) reference = largestOf(want.data, i, Math.min(i + block, want.data.length))
    const error = Math.abs(Number(got.data[i]) - Number(want.data[i]))
    maxAbs = Math.max(maxAbs, error)
    largest = Math.max(largest, Math.abs(Number(want.data[i])))
    if (!(error <= atol + rtol * reference)) outside++
  }
  const maxRel = maxAbs === 0 ? 0 : maxAbs / largest
  if (outside === 0) return { output, maxAbs, maxRel, pass: true }
  return { output, maxAbs, maxRel, pass: false, note: `${outside} of ${want.data.length} values are outside` }
}

function largestOf(values: HostTensor['data'], start: number, end: number): number {
  let largest = 0
  for (let i = start; i < end; i++) largest = Math.max(largest, Math.abs(Number(values[i])))
  return largest
}
