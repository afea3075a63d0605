/** LoRA files: opened, every key accounted for, and matched with the layers of a checkpoint. */
import { resolve } from 'node:path'
import { shown } from '../io/json.ts'
import { type Checkpoint, openSafetensors } from '../io/safetensors.ts'
import { type FactorRole, type FactorShapes, kindOf, type LoraKind, rankOf, shapeProblem } from '../nn/lora-kinds.ts'
import {
  isBundled,
  type LoraPart,
  type LoraRole,
  layersByLoraName,
  loraParts,
  parseLoraKey,
  underscored,
} from '../nn/lora-names.ts'

export interface LoraFile {
  readonly path: string
  /** How strongly the change is applied; 1 is as it was trained. */
  readonly scale: number
  /** The same of text encoders, where it is another. */
  readonly textScale?: number
}

/** `file.safetensors[:scale[/scale of text encoders]]`, as a user names it; scale 1 unless given. */
export function parseLoraFile(text: string): LoraFile {
  const [, path = text, scales = '1'] = /^(.+):((?:[^:/\\]*)(?:\/[-+.\d]+)?)$/.exec(text) ?? []
  const [scale = '', textScale] = scales.split('/')
  for (const given of textScale === undefined ? [scale] : [scale, textScale])
    if (given.trim() === '' || !Number.isFinite(Number(given))) throw new Error(`LoRA ${text}: '${given}' is no scale`)
  return { path: resolve(path), scale: Number(scale), ...(textScale !== undefined && { textScale: Number(textScale) }) }
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
  readonly kind: LoraKind
  /** Keys of the factors by role. */
  readonly keys: Readonly<Partial<Record<FactorRole, string>>>
  /** alpha / rank */
  readonly factor: number
  /** How strongly the whole change counts. */
  readonly strength: number
}

export interface Lora extends LoraFile {
  /** The file without the alphas, which may be of any type. */
  readonly factors: Checkpoint
  /** By part, then by the layer's name with dots as underscores, and `.bias` behind it for a change of its bias. */
  readonly parts: ReadonlyMap<LoraPart, ReadonlyMap<string, LoraLayer>>
}

export interface LoraChange extends LoraLayer {
  readonly lora: Lora
}

/** Read and check the headers of LoRA files. Every key is understood, or the file is refused by that key. */
export function openLoras(files: readonly LoraFile[]): Lora[] {
  return files.map(({ path, scale, textScale = scale }) => {
    for (const given of [scale, textScale])
      if (!Number.isFinite(given)) throw new LoraError(path, undefined, `the scale ${given} is no number`)
    const checkpoint = openSafetensors(path)
    const layers = new Map<string, { part: LoraPart; layer: string; keys: Partial<Record<LoraRole, string>> }>()
    for (const key of checkpoint.tensors.keys()) {
      if (isBundled(key)) continue
      const parsed = parseLoraKey(key)
      if (typeof parsed === 'string') throw new LoraError(path, key, parsed)
      const id = `${parsed.part}.${underscored(parsed.layer)}`
      const known = layers.get(id) ?? { part: parsed.part, layer: parsed.layer, keys: {} }
      const before = known.keys[parsed.role]
      if (before) throw new LoraError(path, key, `is the same tensor as ${shown(before, "'")}`)
      known.keys[parsed.role] = key
      layers.set(id, known)
    }
    if (layers.size === 0) throw new LoraError(path, undefined, 'holds no tensors')
    const alphaOf = adapterAlphas(checkpoint)
    const parts = new Map(loraParts.map((part) => [part, new Map<string, LoraLayer>()]))
    for (const { part, layer, keys: all } of layers.values()) {
      const strength = part === 'unet' ? scale : textScale
      const { alpha, bias, ...keys } = all
      const own = parts.get(part)!
      if (bias) own.set(`${underscored(layer)}.bias`, { kind: 'diff', keys: { diff: bias }, factor: 1, strength })
      if (bias && Object.keys(keys).length === 0) continue
      const kind = kindOf(new Set(Object.keys(keys)))
      if (!kind) throw new LoraError(path, Object.values(all)[0], 'the layer lacks one of its factors')
      const shapes = factorShapes(checkpoint, keys)
      const rank = rankOf(kind, shapes)
      const factor = rank === null ? 1 : alpha ? alphaTensor(checkpoint, alpha) / rank : alphaOf(part, layer, rank)
      own.set(underscored(layer), { kind, keys, factor, strength })
    }
    return { path, scale, textScale, factors: only(checkpoint, parts), parts }
  })
}

/** What of `loras` no open part takes: for a warning, or for a refusal. */
export function unusedParts(loras: readonly Lora[], open: readonly LoraPart[]) {
  return loras.flatMap(({ path, parts }) =>
    [...parts]
      .filter(([part, layers]) => layers.size > 0 && !open.includes(part))
      .map(([part, layers]) => ({ path, part, keys: [...layers.values()].flatMap(({ keys }) => Object.values(keys)) })),
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
  for (const lora of loras)
    for (const [name, change] of lora.parts.get(part) ?? []) {
      if (change.strength === 0) continue
      const isBias = name.endsWith('.bias')
      const layer = layers.get(isBias ? name.slice(0, -'.bias'.length) : name)
      const [first] = Object.values(change.keys)
      const tensor = `${layer}.${isBias ? 'bias' : 'weight'}`
      if (layer === undefined || !checkpoint.tensors.has(tensor))
        throw new LoraError(lora.path, first, `${checkpoint.path} has no such layer; it is for another model`)
      if (/embeddings\.\w+_embedding$/.test(layer)) throw new LoraError(lora.path, first, 'changes an embedding')
      checkShapes(lora, change, checkpoint, tensor)
      const before = changes.get(tensor) ?? []
      if (before.some((other) => other.lora === lora))
        throw new LoraError(lora.path, first, `'${tensor}' is changed twice, under two names`)
      changes.set(tensor, [...before, { ...change, lora }])
    }
  return changes
}

/** The factors must make the weight [O,I,…], kernels of 1×1 and matrices being the same. */
function checkShapes({ path, factors: file }: Lora, { kind, keys }: LoraLayer, model: Checkpoint, tensor: string) {
  const target = model.tensors.get(tensor)!.shape
  const problem = shapeProblem(kind, factorShapes(file, keys), target)
  if (problem)
    throw new LoraError(
      path,
      keys.down ?? Object.values(keys)[0],
      `${problem} '${tensor}' [${target}] of ${model.path}`,
    )
}

function factorShapes({ path, tensors }: Checkpoint, keys: LoraLayer['keys']): FactorShapes {
  const shapes: Partial<Record<FactorRole, readonly number[]>> = {}
  for (const [role, key] of Object.entries(keys) as [FactorRole, string][]) {
    const { dtype, shape } = tensors.get(key)!
    if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
      throw new LoraError(path, key, `has the type ${dtype}; F32, F16 and BF16 are read`)
    const least = role === 'diff' || role === 'magnitude' ? 1 : 2
    if (shape.length < least || shape.length > 4 || shape.includes(0))
      throw new LoraError(path, key, `has the shape ${shown(shape)}; a factor has ${least} to 4 dimensions`)
    shapes[role] = shape
  }
  return shapes
}

function alphaTensor(file: Checkpoint, key: string): number {
  const { length, shape } = file.tensors.get(key)!
  const value = length > 0 && shape.every((side) => side === 1) ? file.read(key)[0]! : Number.NaN
  if (!Number.isFinite(value)) throw new LoraError(file.path, key, 'alpha is no single finite number')
  return value
}

function only(file: Checkpoint, parts: Lora['parts']): Checkpoint {
  const keys = [...parts.values()].flatMap((layers) =>
    [...layers.values()].flatMap((layer) => Object.values(layer.keys)),
  )
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
