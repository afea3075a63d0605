/** NaN and infinity in what a model computed, found at once and told with where they came from. */
import type { Checkpoint } from '../io/safetensors.ts'

export interface Where {
  /** Of the pipeline: 'unet', 'vae decoder', 'text_encoder'. */
  readonly part: string
  /** Of the sampling, from 1. */
  readonly step?: number
}

/** A model's output is not all numbers. */
export class NotFiniteError extends Error {
  override name = 'NotFiniteError'
  readonly part: string
  readonly step: number | undefined
  /** A broken tensor among the weights, with its file, where one was found. */
  readonly tensor: { readonly name: string; readonly path: string } | undefined
  constructor({ part, step }: Where, problem: string, tensor: NotFiniteError['tensor']) {
    super(`${part}${step === undefined ? '' : `, step ${step}`}: ${problem}`)
    this.part = part
    this.step = step
    this.tensor = tensor
  }
}

/**
 * Throw unless all of `values`, an output of the model at `where`, are finite. Only then are its weights, `checkpoints`,
 * read through for the tensor to blame.
 */
export function assertFinite(values: Float32Array, where: Where, checkpoints: readonly Checkpoint[] = []): void {
  const first = firstNotFinite(values)
  if (first < 0) return
  const count = values.reduce((sum, value) => sum + Number(!Number.isFinite(value)), 0)
  const problem = `${count} of ${values.length} outputs are not finite, the first (${values[first]}) at ${first}`
  const tensor = brokenTensor(checkpoints)
  const sound = checkpoints.length > 0 ? 'its weights are finite; ' : ''
  const cause = tensor
    ? `its tensor '${tensor.name}' in ${tensor.path} holds such values`
    : `${sound}try another sampler, more steps or less guidance`
  throw new NotFiniteError(where, `${problem}; ${cause}`, tensor)
}

function firstNotFinite(values: Float32Array): number {
  // A plain loop: a picture has millions of values, and a callback for each would take longer than to compute some.
  for (let i = 0; i < values.length; i++) if (!Number.isFinite(values[i])) return i
  return -1
}

function brokenTensor(checkpoints: readonly Checkpoint[]): NotFiniteError['tensor'] {
  for (const checkpoint of checkpoints)
    for (const [name, { dtype, path }] of checkpoint.tensors)
      if (dtype.includes('F') && firstNotFinite(checkpoint.read(name)) >= 0) return { name, path }
  return undefined
}
