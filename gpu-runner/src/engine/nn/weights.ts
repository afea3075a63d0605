/** Named tensors of a checkpoint, seen from one place in it. */
import { transpose } from '../graph/shape.ts'
import { type DType, type Shape, type Value, weight } from '../graph/value.ts'

/** How a tensor is initialised for training; a checkpoint ignores it. */
export type Init = 'fan-in' | 'kaiming' | 'zeros' | 'ones' | 'embedding'

/**
 * Deviation of the first values of a tensor, 0 where they are constant: that of torch's own U(±1/√fan-in) for matrices
 * and kernels; √(2/fan-in) where no norm keeps up what passes through many of them (He et al. 2015); 0.02 for embeddings.
 */
export function initialDeviation(init: Init, shape: readonly number[]): number {
  const fanIn = shape.slice(1).reduce((a, b) => a * b, 1)
  return { 'fan-in': Math.sqrt(1 / 3 / fanIn), kaiming: Math.sqrt(2 / fanIn), embedding: 0.02, zeros: 0, ones: 0 }[init]
}

/**
 * A view into a checkpoint under its own tensor names: `w.at('conv1').get('weight', [64, 3, 3, 3])`. A layer states
 * the shape it needs, so that a checkpoint which does not fit is refused by name, and training knows what to create.
 */
export interface Weights {
  readonly prefix: string
  at(name: string | number): Weights
  has(name: string): boolean
  get(name: string, shape: readonly number[], init?: Init): Value
  /** Low-rank changes of the tensor `name`. */
  lowRank(name: string): readonly LowRank[]
}

/** A change of a weight [O,I] or [O,I,k,k] by factor · up · down (LoRA, arXiv:2106.09685). */
export interface LowRank {
  /** [O,r] or [O,r,1,1] */
  readonly up: Value
  /** [r,I] or [r,I,k,k] */
  readonly down: Value
  readonly factor: number
}

/** What `checkpointWeights` needs to know of one stored tensor; `file` is relative to the weights folder. */
export interface StoredTensor {
  readonly dtype: DType
  readonly shape: readonly number[]
  readonly file: string
  /** Bytes from the start of the file. */
  readonly offset: number
  readonly length: number
  /** The file holds the transposed matrix. */
  readonly transposed?: true
}

/** A tensor is not there, or not what the model needs; `path` is the file that should hold it, where known. */
export class WeightError extends Error {
  override name = 'WeightError'
  readonly tensor: string
  readonly path: string | undefined
  constructor(tensor: string, message: string, path?: string) {
    super(path === undefined ? `${tensor}: ${message}` : `${path}: ${tensor}: ${message}`)
    this.tensor = tensor
    this.path = path
  }
}

/** Any source of tensors as a view: its functions take full names. */
export function viewOf(source: {
  has(name: string): boolean
  get(name: string, shape: readonly number[], init: Init): Value
  lowRank?(name: string): readonly LowRank[]
}): Weights {
  const view = (prefix: string): Weights => ({
    prefix,
    at: (name) => view(`${prefix}${name}.`),
    has: (name) => source.has(prefix + name),
    get: (name, shape, init = 'fan-in') => source.get(prefix + name, shape, init),
    lowRank: (name) => source.lowRank?.(prefix + name) ?? [],
  })
  return view('')
}

/**
 * The tensors of a checkpoint, left in their files. Half-precision ones become float32 where the graph reads them.
 * `scope` goes before their names in the graph, to keep apart checkpoints that meet in one; `path` is for errors.
 */
export function checkpointWeights(
  tensors: ReadonlyMap<string, StoredTensor>,
  cast: (value: Value) => Value,
  { scope = '', path }: { scope?: string; path?: string } = {},
): Weights {
  const made = new Map<string, Value>()
  return viewOf({
    has: (name) => tensors.has(name),
    get(name, shape) {
      const stored = tensors.get(name)
      if (!stored) throw new WeightError(name, 'the checkpoint has no such tensor', path)
      if (!sameShape(stored.shape, shape))
        throw new WeightError(name, `has shape [${stored.shape}], the model needs [${shape}]`, path)
      const before = made.get(name)
      if (before) return before
      const { file, offset, length, dtype, transposed } = stored
      const lies = transposed ? shape.toReversed() : shape
      const whole = cast(weight(scope + name, lies, dtype, { location: file, offset, length }))
      const value = transposed ? transpose(whole, [1, 0]) : whole
      made.set(name, value)
      return value
    },
  })
}

function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i])
}
