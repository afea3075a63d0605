/** The weights of one model folder as graph values that point into its files. */
import { basename } from 'node:path'
import { cast } from '../graph/arithmetic.ts'
import type { DType } from '../graph/value.ts'
import { openCheckpoint, type SafetensorsDtype } from '../io/safetensors.ts'
import { checkpointWeights, type StoredTensor, WeightError, type Weights } from '../nn/weights.ts'

const types: Partial<Record<SafetensorsDtype, DType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  I64: 'int64',
}

/** Tensors of `<folder>/<base>.safetensors` or its shards, as float32; open sessions on them with `weights: folder`. */
export function modelWeights(folder: string, base: string): Weights {
  const stored = new Map<string, StoredTensor>()
  for (const [name, { dtype, shape, path, offset, length }] of openCheckpoint(folder, base).tensors) {
    const type = types[dtype]
    if (!type) throw new WeightError(name, `has the type ${dtype}; weights are F32, F16 or BF16`)
    stored.set(name, { dtype: type, shape, file: basename(path), offset, length })
  }
  return checkpointWeights(stored, (value) => (value.dtype === 'int64' ? value : cast(value, 'float32')))
}
