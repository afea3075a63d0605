/**
 * The encoder in closed form: principal components of 8×8 patches, written into the convolutions of AutoencoderTiny.
 *
 * Without residual blocks its encoder is linear, and wide enough to gather a whole patch: three doublings of
 * space-to-depth, the last of which applies the components. The best linear code needs no training, keeps neighbouring
 * latents independent, and lets decoder and denoiser be trained at the same time, in any order and as often as wanted.
 */
import { randomFrames } from '../storydb/frames.ts'
import type { Level } from '../storydb/levels.ts'
import { renderFrame } from '../storydb/render.ts'

const side = 8
const width = 3 * side * side

export interface PatchBasis {
  /** Mean patch, [3·8·8], channel by channel, in −1 … 1. */
  mean: Float64Array
  /** Unit components, strongest first. */
  components: Float64Array[]
  /** Variance along each. */
  variances: number[]
}

/** Principal components of the patches of `frames` random frames of each level. */
export function patchBasis(
  seed: number,
  frames: number,
  levels: readonly Level[],
  size: number,
  count: number,
): PatchBasis {
  const mean = new Float64Array(width)
  const covariance = new Float64Array(width * width)
  let n = 0
  for (const level of new Set(levels))
    for (let i = 0; i < frames; i++) {
      const [frame] = randomFrames(seed, i, 1, { level, split: 'train' })
      for (const patch of patches(renderFrame(frame!, size).rgb, size)) {
        n++
        for (let a = 0; a < width; a++) {
          mean[a]! += patch[a]!
          for (let b = a; b < width; b++) covariance[a * width + b]! += patch[a]! * patch[b]!
        }
      }
    }
  for (let a = 0; a < width; a++) mean[a]! /= n
  for (let a = 0; a < width; a++)
    for (let b = a; b < width; b++) {
      const value = covariance[a * width + b]! / n - mean[a]! * mean[b]!
      covariance[a * width + b] = value
      covariance[b * width + a] = value
    }
  return { mean, ...leadingComponents(covariance, count) }
}

function* patches(rgb: Uint8Array, size: number): Generator<Float64Array> {
  const patch = new Float64Array(width)
  for (let top = 0; top < size; top += side)
    for (let left = 0; left < size; left += side) {
      for (let c = 0, i = 0; c < 3; c++)
        for (let y = 0; y < side; y++)
          for (let x = 0; x < side; x++, i++) patch[i] = rgb[((top + y) * size + left + x) * 3 + c]! / 127.5 - 1
      yield patch
    }
}

/** Orthogonal iteration; a few spare directions make the wanted ones settle sooner. */
function leadingComponents(matrix: Float64Array, count: number): { components: Float64Array[]; variances: number[] } {
  let basis = Array.from({ length: count + 16 }, (_, k) =>
    Float64Array.from({ length: width }, (_, i) => Math.sin(1 + i * (k + 1))),
  )
  let variances: number[] = []
  for (let round = 0; round < 100; round++) {
    basis = basis.map((q) =>
      Float64Array.from({ length: width }, (_, i) => dot(matrix.subarray(i * width, (i + 1) * width), q)),
    )
    variances = []
    for (const [k, q] of basis.entries()) {
      for (const before of basis.slice(0, k)) {
        const along = dot(q, before)
        for (let i = 0; i < width; i++) q[i]! -= along * before[i]!
      }
      const length = Math.sqrt(dot(q, q))
      variances.push(length)
      for (let i = 0; i < width; i++) q[i]! /= length
    }
  }
  return { components: basis.slice(0, count), variances: variances.slice(0, count) }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

/**
 * Size of each latent channel: between the components' own sizes, among which details would drown in a denoiser's
 * noise, and whitened ones, among which they would weigh as much as a picture's colours. Mean variance 1.
 */
export function channelScales(variances: readonly number[]): number[] {
  const halfway = variances.map((variance) => variance ** -0.25)
  const mean = variances.reduce((sum, variance) => sum + Math.sqrt(variance), 0) / variances.length
  return halfway.map((scale) => scale / Math.sqrt(mean))
}

/** Fill the encoder's tensors, `layers.0` to `layers.4`, zeros elsewhere; `channels` ≥ 48 hold a quarter of a patch. */
export function writePatchEncoder(
  tensor: (name: string) => Float32Array,
  { mean, components, variances }: PatchBasis,
  channels: number,
): void {
  if (channels < width / 4)
    throw new RangeError(`writePatchEncoder: ${channels} channels, a 4×4 patch takes ${width / 4}`)
  const scales = channelScales(variances)
  const kernel = (name: string, inputs: number) => {
    const data = tensor(name).fill(0)
    return (o: number, i: number, y: number, x: number, value: number) => {
      data[((o * inputs + i) * 3 + y) * 3 + x] = value
    }
  }
  // The encoder takes pictures as 0 … 1; undo that first.
  const first = kernel('layers.0.weight', 3)
  for (let c = 0; c < 3; c++) first(c, c, 1, 1, 2)
  tensor('layers.0.bias').fill(0).fill(-1, 0, 3)
  // A stride of 2 from taps 1 and 2 of each axis: the pixel itself and the one after it.
  for (const [layer, planes] of [
    [1, 3],
    [2, 12],
  ] as const) {
    const gather = kernel(`layers.${layer}.weight`, channels)
    for (let c = 0; c < planes; c++)
      for (let y = 0; y < 2; y++) for (let x = 0; x < 2; x++) gather((y * 2 + x) * planes + c, c, y + 1, x + 1, 1)
  }
  const project = kernel('layers.3.weight', channels)
  for (const [k, component] of components.entries())
    for (let c = 0; c < 3; c++)
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) {
          // Bit by bit: the place in the half patch chosen last, within it the one before, within that the first.
          const [y2, y1, y0] = [y >> 2, (y >> 1) & 1, y & 1]
          const [x2, x1, x0] = [x >> 2, (x >> 1) & 1, x & 1]
          const plane = ((y1 * 2 + x1) * 4 + (y0 * 2 + x0)) * 3 + c
          project(k, plane, y2 + 1, x2 + 1, component[(c * side + y) * side + x]! * scales[k]!)
        }
  const last = kernel('layers.4.weight', channels)
  const bias = tensor('layers.4.bias').fill(0)
  for (const [k, component] of components.entries()) {
    last(k, k, 1, 1, 1)
    bias[k] = -dot(mean, component) * scales[k]!
  }
}
