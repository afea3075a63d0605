/** NaN and infinity in what a model computed: found at once, and whose fault they are. */
import type { Checkpoint } from '../io/safetensors.ts'

export interface Where {
  /** Of the pipeline: 'unet', 'vae decoder', 'text_encoder'. */
  readonly part: string
  /** Of the sampling, from 1. */
  readonly step?: number
}

/**
 * The model's outputs are not all finite although its weights are: the request's numbers, or this machine's memory or
 * device, are to blame. The same request on another machine shows which.
 */
export class NotFiniteError extends Error {
  override name = 'NotFiniteError'
  readonly part: string
  readonly step: number | undefined
  constructor(where: Where, problem: string, options?: ErrorOptions) {
    super(`${nameOf(where)}: ${problem}`, options)
    this.part = where.part
    this.step = where.step
  }
}

/**
 * A weight file of this machine is damaged: one of its tensors holds NaN or infinity, or cannot be read any more. No
 * request is to blame, and all of them fail here until the file is replaced. The message names the file, for the log.
 */
export class BrokenWeights extends Error {
  override name = 'BrokenWeights'
  readonly part: string
  readonly tensor: string
  readonly path: string
  constructor(where: Where, tensor: string, path: string, problem: string, options?: ErrorOptions) {
    super(`${nameOf(where)}: tensor '${tensor}' in ${path} ${problem}`, options)
    this.part = where.part
    this.tensor = tensor
    this.path = path
  }
}

const nameOf = ({ part, step }: Where) => (step === undefined ? part : `${part}, step ${step}`)

/**
 * Throw unless all of `values`, an output of the model at `where`, are finite: `BrokenWeights` where one of `checkpoints`,
 * the files it was computed from, holds a broken tensor, else `NotFiniteError`. The files are read only then.
 */
export function assertFinite(values: Float32Array, where: Where, checkpoints: readonly Checkpoint[] = []): void {
  const first = firstNotFinite(values)
  if (first < 0) return
  const count = values.reduce((sum, value) => sum + Number(!Number.isFinite(value)), 0)
  const problem = `${count} of ${values.length} outputs are not finite, the first (${values[first]}) at ${first}`
  for (const checkpoint of checkpoints) assertWhole(checkpoint, where, problem)
  const sound = checkpoints.length > 0 ? 'its weights are finite; ' : ''
  throw new NotFiniteError(where, `${problem}; ${sound}try another sampler, more steps or less guidance`)
}

/** Throw `BrokenWeights` for the first tensor of `checkpoint` that is not finite or cannot be read. */
function assertWhole(checkpoint: Checkpoint, where: Where, problem: string): void {
  for (const [name, { dtype, path }] of checkpoint.tensors) {
    if (!dtype.includes('F')) continue
    const first = firstNotFinite(readTensor(checkpoint, name, where))
    if (first >= 0) throw new BrokenWeights(where, name, path, `is not finite at ${first}: ${problem}`)
  }
}

function readTensor(checkpoint: Checkpoint, name: string, where: Where): Float32Array {
  try {
    return checkpoint.read(name)
  } catch (error) {
    const { path } = checkpoint.tensors.get(name)!
    const words = error instanceof Error ? error.message : String(error)
    throw new BrokenWeights(where, name, path, `cannot be read any more: ${words}`, { cause: error })
  }
}

function firstNotFinite(values: Float32Array): number {
  // A plain loop: a picture has millions of values, and a callback for each would take longer than to compute some.
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}
