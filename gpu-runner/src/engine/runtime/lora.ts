/** LoRA files: opened, every key accounted for, and matched with the layers of a checkpoint. */
import { resolve } from 'node:path'
import { shown } from '../io/json.ts'
import { type Checkpoint, openSafetensors } from '../io/safetensors.ts'
import {
  type LoraKey,
  type LoraPart,
  layersByLoraName,
  loraParts,
  parseLoraKey,
  underscored,
} from '../nn/lora-names.ts'

export interface LoraFile {
  readonly path: string
  /** How strongly the change is applied; 1 is as it was trained. */
  readonly scale: number
}

/** `file.safetensors[:scale]`, as a user names it; scale 1 unless given. */
export function parseLoraFile(text: string): LoraFile {
  const [, path = text, scale = '1'] = /^(.+):([^:/\\]*)$/.exec(text) ?? []
  if (scale.trim() === '' || !Number.isFinite(Number(scale))) throw new Error(`LoRA ${text}: '${scale}' is no scale`)
  return { path: resolve(path), scale: Number(scale) }
}

/** A file that is no LoRA, or none for this model: which file, which of its keys, what is wrong. */
export class LoraError extends Error {
  override name = 'LoraError'
  readonly path: string
  readonly key: string | undefined
  constructor(path: string, key: string | undefined, problem: string) {
    super(`${path}: ${key === undefined ? '' : `${shown(key, "'")}: `}${problem}`)
    this.path = path
    this.key = key
  }
}

interface LoraLayer {
  /** Keys of the two factors. */
  readonly up: string
  readonly down: string
  /** alpha / rank · scale */
  readonly factor: number
}

export interface Lora extends LoraFile {
  /** The file without the alphas, which may be of any type. */
  readonly factors: Checkpoint
  /** By part, then by the layer's name with dots as underscores. */
  readonly parts: ReadonlyMap<LoraPart, ReadonlyMap<string, LoraLayer>>
}

export interface LoraChange extends LoraLayer {
  readonly lora: Lora
}

/** Read and check the headers of LoRA files. Every key is understood, or the file is refused by that key. */
export function openLoras(files: readonly LoraFile[]): Lora[] {
  return files.map(({ path, scale }) => {
    if (!Number.isFinite(scale)) throw new LoraError(path, undefined, `the scale ${scale} is no number`)
    const checkpoint = openSafetensors(path)
    const layers = new Map<string, Partial<Record<LoraKey['role'], string>> & { part: LoraPart; layer: string }>()
    for (const key of checkpoint.tensors.keys()) {
      const parsed = parseLoraKey(key)
      if (typeof parsed === 'string') throw new LoraError(path, key, parsed)
      const id = `${parsed.part}.${underscored(parsed.layer)}`
      const known = layers.get(id) ?? { part: parsed.part, layer: parsed.layer }
      const before = known[parsed.role]
      if (before) throw new LoraError(path, key, `is the same tensor as ${shown(before, "'")}`)
      layers.set(id, { ...known, [parsed.role]: key })
    }
    if (layers.size === 0) throw new LoraError(path, undefined, 'holds no tensors')
    const alphaOf = adapterAlphas(checkpoint)
    const parts = new Map(loraParts.map((part) => [part, new Map<string, LoraLayer>()]))
    for (const { part, layer, up, down, alpha } of layers.values()) {
      if (!up || !down) throw new LoraError(path, up ?? down ?? alpha, 'the layer lacks one of its two factors')
      const rank = rankOf(checkpoint, up, down)
      const strength = alpha ? alphaTensor(checkpoint, alpha) / rank : alphaOf(part, layer, rank)
      parts.get(part)!.set(underscored(layer), { up, down, factor: strength * scale })
    }
    return { path, scale, factors: only(checkpoint, parts), parts }
  })
}

/** What of `loras` no open part takes: for a warning, or for a refusal. */
export function unusedParts(loras: readonly Lora[], open: readonly LoraPart[]) {
  return loras.flatMap(({ path, parts }) =>
    [...parts]
      .filter(([part, layers]) => layers.size > 0 && !open.includes(part))
      .map(([part, layers]) => ({ path, part, keys: [...layers.values()].flatMap(({ up, down }) => [down, up]) })),
  )
}

/** What `loras` change in the tensors of `checkpoint`, the part called `part`: each layer exists and has that shape. */
export function loraChanges(loras: readonly Lora[], part: LoraPart, checkpoint: Checkpoint): Map<string, LoraChange[]> {
  const weights = [...checkpoint.tensors.keys()].filter((name) => name.endsWith('.weight'))
  const layers = layersByLoraName(
    weights.map((name) => name.slice(0, -'.weight'.length)),
    part,
  )
  const changes = new Map<string, LoraChange[]>()
  for (const lora of loras.filter(({ scale }) => scale !== 0))
    for (const [name, change] of lora.parts.get(part) ?? []) {
      const layer = layers.get(name)
      if (layer === undefined)
        throw new LoraError(lora.path, change.down, `${checkpoint.path} has no such layer; it is for another model`)
      if (/embeddings\.\w+_embedding$/.test(layer)) throw new LoraError(lora.path, change.down, 'changes an embedding')
      const tensor = `${layer}.weight`
      checkShapes(lora, change, checkpoint, tensor)
      const before = changes.get(tensor) ?? []
      if (before.some((other) => other.lora === lora))
        throw new LoraError(lora.path, change.down, `'${tensor}' is changed twice, under two names`)
      changes.set(tensor, [...before, { ...change, lora }])
    }
  return changes
}

/** up[O,r] and down[r,I], kernels of 1×1 aside, must make the weight [O,I,…]. */
function checkShapes({ path, factors: file }: Lora, { up, down }: LoraLayer, model: Checkpoint, tensor: string) {
  const shape = (of: Checkpoint, name: string) => of.tensors.get(name)!.shape
  const plain = (dims: readonly number[]) =>
    dims.length === 4 && dims[2] === 1 && dims[3] === 1 ? dims.slice(0, 2) : dims
  const [target, left, right] = [shape(model, tensor), shape(file, up), shape(file, down)]
  const made = [left[0], ...plain(right).slice(1)]
  const fits = (target.length === 2 || target.length === 4) && made.join() === plain(target).join()
  if (!fits) {
    const product = `[${left}] · [${right}]`
    throw new LoraError(path, down, `${product} does not make '${tensor}' [${target}] of ${model.path}`)
  }
}

function rankOf({ path, tensors }: Checkpoint, up: string, down: string): number {
  const [left, right] = [tensors.get(up)!, tensors.get(down)!]
  for (const [key, { dtype, shape }] of [
    [up, left],
    [down, right],
  ] as const) {
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
      throw new LoraError(path, key, `has the type ${dtype}; F32, F16 and BF16 are read`)
    if ((shape.length !== 2 && shape.length !== 4) || shape.includes(0))
      throw new LoraError(path, key, `has the shape ${shown(shape)}; a factor has 2 or 4 dimensions`)
  }
  const pointwise = left.shape.slice(2).every((side) => side === 1)
  if (left.shape[1] !== right.shape[0] || !pointwise)
    throw new LoraError(path, up, `[${left.shape}] and [${right.shape}] are no two factors of one rank`)
  return right.shape[0]!
}

function alphaTensor(file: Checkpoint, key: string): number {
  const { length, shape } = file.tensors.get(key)!
  const value = length > 0 && shape.every((side) => side === 1) ? file.read(key)[0]! : Number.NaN
  if (!Number.isFinite(value)) throw new LoraError(file.path, key, 'alpha is no single finite number')
  return value
}

function only(file: Checkpoint, parts: Lora['parts']): Checkpoint {
  const keys = [...parts.values()].flatMap((layers) => [...layers.values()].flatMap(({ up, down }) => [up, down]))
  return { ...file, tensors: new Map(keys.map((key) => [key, file.tensors.get(key)!])) }
}

/** alpha / rank where it has no tensor: 1, unless diffusers wrote down how peft was set up. */
function adapterAlphas({ path, metadata }: Checkpoint): (part: LoraPart, layer: string, rank: number) => number {
  const text = metadata.lora_adapter_metadata
  if (text === undefined) return () => 1
  const fail = (problem: string) => new LoraError(path, 'lora_adapter_metadata', problem)
  let settings: Record<string, unknown>
  try {
    settings = Object(JSON.parse(text))
  } catch (error) {
    throw fail(`no JSON: ${(error as Error).message}`)
  }
  return (part, layer, rank) => {
    const { [`${part}.lora_alpha`]: common, [`${part}.alpha_pattern`]: patterns } = settings
    if (settings[`${part}.use_dora`]) throw fail('DoRA is not supported')
    let alpha: unknown = common ?? rank
    for (const [pattern, value] of Object.entries(Object(patterns ?? {}))) {
      // Peft reads these as regular expressions; diffusers writes plain names.
      if (!/^[\w.]+$/.test(pattern)) throw fail(`alpha_pattern ${shown(pattern)} is no layer's name`)
      if (layer === pattern || layer.endsWith(`.${pattern}`)) alpha = value
    }
    if (typeof alpha !== 'number' || !Number.isFinite(alpha)) throw fail(`alpha ${shown(alpha)} is no number`)
    return alpha / (settings[`${part}.use_rslora`] ? Math.sqrt(rank) : rank)
  }
}
