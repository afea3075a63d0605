/** The weights of one model folder as graph values that point into its files. */
import { relative, resolve, sep } from 'node:path'
import { cast } from '../graph/arithmetic.ts'
import type { DType } from '../graph/value.ts'
import { type Checkpoint, openCheckpoint, type SafetensorsDtype } from '../io/safetensors.ts'
import { checkpointWeights, type StoredTensor, WeightError, type Weights } from '../nn/weights.ts'

const types: Partial<Record<SafetensorsDtype, DType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
}

/**
 * Tensors of `<folder>/<base>.safetensors` or its shards, as float32; open sessions on them with `weights: root`, the
 * folder or one above it.
 */
export function modelWeights(folder: string, base: string, root = folder): Weights {
  return storedWeights(openCheckpoint(folder, base), root)
}

/** All tensors of `checkpoint` for sessions with `weights: root`, which must lie above its files. */
export function storedWeights(checkpoint: Checkpoint, root: string, scope?: string): Weights {
  const stored = new Map<string, StoredTensor>()
  for (const [name, { dtype, shape, path, offset, length }] of checkpoint.tensors) {
    const type = types[dtype]
    if (!type) throw new WeightError(name, `has the type ${dtype}; weights are F32, F16 or BF16`)
    stored.set(name, { dtype: type, shape, file: relative(root, path), offset, length })
  }
  return checkpointWeights(stored, (value) => (value.dtype === 'int64' ? value : cast(value, 'float32')), scope)
}

/** The deepest folder above all of `paths`. */
export function commonFolder(paths: readonly string[]): string {
  const parts = paths.map((path) => resolve(path).split(sep))
  const [first = []] = parts
  const differs = first.findIndex((part, i) => parts.some((other) => other[i] !== part))
  return first.slice(0, differs < 0 ? first.length : differs).join(sep) || sep
}
