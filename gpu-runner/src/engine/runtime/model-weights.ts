/** The weights of one model folder as graph values that point into its files. */
import { realpathSync } from 'node:fs'
import { dirname, relative, resolve, sep } from 'node:path'
import { cast } from '../graph/arithmetic.ts'
import type { DType, Value } from '../graph/value.ts'
import { type Checkpoint, openCheckpoint, type SafetensorsDtype, type TensorInfo } from '../io/safetensors.ts'
import { withChanges, withLowRank } from '../nn/lora.ts'
import { changedWeight, type Factors } from '../nn/lora-kinds.ts'
import type { LoraPart } from '../nn/lora-names.ts'
import { checkpointWeights, type LowRank, type StoredTensor, WeightError, type Weights } from '../nn/weights.ts'
import { type Lora, type LoraChange, loraChanges } from './lora.ts'

const types: Partial<Record<SafetensorsDtype, DType>> = {
  F32: 'float32',
  F16: 'float16',
  BF16: 'bfloat16',
  F8_E4M3: 'float8e4m3fn',
  F8_E5M2: 'float8e5m2',
  I64: 'int64',
}

export interface OpenWeights {
  readonly weights: Weights
  /** Sessions on these weights take it as their `weights`: the folder below which all files are. */
  readonly root: string
  /** All files that the graph reads, to find a broken tensor in. */
  readonly checkpoints: readonly Checkpoint[]
}

/**
 * Tensors of `<folder>/<base>.safetensors` or its shards as float32, with what `loras` change in this `part`. Files may be
 * links out of the folder, as in the cache of huggingface_hub: onnxruntime reads no file outside of `root`.
 */
export function openWeights(
  folder: string,
  base: string,
  loras: readonly Lora[] = [],
  part: LoraPart = 'unet',
): OpenWeights {
  return changedWeights(openCheckpoint(folder, base), loras, part)
}

/** The same for a `checkpoint` that is open; `adapters` are further files that the same graph reads. */
export function changedWeights(
  checkpoint: Checkpoint,
  loras: readonly Lora[] = [],
  part: LoraPart = 'unet',
  adapters: readonly Checkpoint[] = [],
): OpenWeights {
  const changes = loraChanges(loras, part, checkpoint)
  const used = new Set([...changes.values()].flatMap((list) => list.map(({ lora }) => lora)))
  const checkpoints = [checkpoint, ...[...used].map((lora) => lora.factors), ...adapters]
  const files = new Set(checkpoints.flatMap(({ tensors }) => [...tensors.values()].map(({ path }) => path)))
  const root = commonFolder([...files].map((path) => dirname(realpathSync(path))))
  const weights = storedWeights(checkpoint, root)
  if (changes.size === 0) return { weights, root, checkpoints }
  const views = new Map([...used].map((lora, i) => [lora, storedWeights(lora.factors, root, `lora${i}.`)]))
  const factorsOf = ({ lora, keys }: LoraChange): Factors => {
    const tensor = (key: string) => views.get(lora)!.get(key, lora.factors.tensors.get(key)!.shape)
    return (role) => (keys[role] === undefined ? undefined : tensor(keys[role]))
  }
  const lowRank = (change: LoraChange): LowRank => {
    const factors = factorsOf(change)
    return { up: factors('up')!, down: factors('down')!, factor: change.factor * change.strength }
  }
  // A path beside the layer for plain LoRA; where a weight has another change too, all of them are made of it in turn.
  const beside = [...changes].filter(([, list]) => list.every(isPlain))
  const within = [...changes].filter(([, list]) => !list.every(isPlain))
  const changed = withChanges(
    weights,
    new Map(
      within.map(([name, list]) => [
        name,
        (weight: Value) => list.reduce((w, own) => changedWeight(w, own.kind, factorsOf(own), own), weight),
      ]),
    ),
  )
  const paths = new Map(beside.map(([name, list]) => [name, list.map(lowRank)]))
  return { weights: withLowRank(changed, paths), root, checkpoints }
}

const isPlain = ({ kind, keys }: LoraChange) => kind === 'lora' && !keys.mid && !keys.magnitude

/**
 * Tensors of `<folder>/<base>.safetensors` or its shards, as float32; open sessions on them with `weights: root`, the
 * folder or one above it.
 */
export function modelWeights(folder: string, base: string, root = folder): Weights {
  return storedWeights(openCheckpoint(folder, base), root)
}

/** All tensors of `checkpoint` for sessions with `weights: root`, which must lie above its files. */
export function storedWeights(checkpoint: Checkpoint, root: string, scope = ''): Weights {
  const place = placesBelow(root)
  const stored = new Map<string, StoredTensor>()
  for (const [name, info] of checkpoint.tensors) stored.set(name, storedTensor(name, info, place))
  return checkpointWeights(stored, toFloat, { scope, path: checkpoint.path })
}

function storedTensor(name: string, info: TensorInfo, place: (path: string) => string): StoredTensor {
  const { dtype, shape, path, offset, length, transposed } = info
  const type = types[dtype]
  if (!type) throw new WeightError(name, `has the type ${dtype}; weights are F32, F16, BF16 or 8-bit floats`, path)
  return { dtype: type, shape, file: place(path), offset, length, ...(transposed && { transposed }) }
}

const toFloat = (value: Value) => (value.dtype === 'int64' ? value : cast(value, 'float32'))

/** Paths as onnxruntime wants them: relative to `root`, links followed. */
function placesBelow(root: string): (path: string) => string {
  const base = realpathSync(root)
  const known = new Map<string, string>()
  return (path) => {
    const before = known.get(path)
    if (before !== undefined) return before
    const file = relative(base, realpathSync(path))
    if (file.split(sep)[0] === '..') throw new RangeError(`${path} is not below the weights folder ${root}`)
    known.set(path, file)
    return file
  }
}

/** The deepest folder above all of `paths`. */
function commonFolder(paths: readonly string[]): string {
  const parts = paths.map((path) => resolve(path).split(sep))
  const [first = []] = parts
  const differs = first.findIndex((part, i) => parts.some((other) => other[i] !== part))
  return first.slice(0, differs < 0 ? first.length : differs).join(sep) || sep
}
