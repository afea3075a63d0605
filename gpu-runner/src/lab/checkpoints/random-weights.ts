/** What a model would read from a checkpoint, and random numbers of those shapes: full-size files without a download. */

import { input } from '../../engine/graph/value.ts'
import { toHalf } from '../../engine/io/half.ts'
import type { NewTensor } from '../../engine/io/safetensors.ts'
import { type Init, initialDeviation, viewOf, type Weights } from '../../engine/nn/weights.ts'

export interface TensorSpec {
  readonly shape: readonly number[]
  readonly init: Init
}

/** Every tensor that `build` asks its weights for, by name. */
export function wantedTensors(build: (weights: Weights) => unknown): Map<string, TensorSpec> {
  const specs = new Map<string, TensorSpec>()
  build(
    viewOf({
      has: () => false,
      get(name, shape, init) {
        specs.set(name, { shape, init })
        return input(name, shape)
      },
    }),
  )
  return specs
}

/** Random values come round after so many: a prime, so that rows of matrices differ. */
const period = 99_991

/** Values as training begins with, which keep activations near their size. */
export function randomTensors(
  specs: ReadonlyMap<string, TensorSpec>,
  dtype: 'F16' | 'F32',
  normal: () => number,
): Record<string, NewTensor> {
  const unit = Float32Array.from({ length: period }, normal)
  const tensors: Record<string, NewTensor> = {}
  for (const [name, { shape, init }] of specs) {
    // A last layer that begins at zero would hide all that goes wrong before it.
    const deviation = initialDeviation(init === 'zeros' && shape.length > 1 ? 'fan-in' : init, shape)
    const values = unit.map((value) => (init === 'ones' ? 1 : value * deviation))
    const count = shape.reduce((a, b) => a * b, 1)
    tensors[name] = { dtype, shape, data: repeated(dtype === 'F16' ? toHalf(values) : values, count) }
  }
  return tensors
}

/** `count` elements of `values` over and over, in chunks of bytes. */
function* repeated(values: Uint16Array | Float32Array, count: number): Generator<Uint8Array> {
  for (let left = count; left > 0; left -= values.length) {
    const part = values.subarray(0, Math.min(left, values.length))
    yield new Uint8Array(part.buffer, part.byteOffset, part.byteLength)
  }
}
