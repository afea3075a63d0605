/** Training state on disk: everything that a resumed run needs to go on as if it had never stopped. */
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { type NewTensor, openSafetensors, writeSafetensors } from '../../engine/io/safetensors.ts'
import { writeJsonSync } from '../../engine/io/whole-file.ts'
import type { AdamState } from './adamw.ts'
import type { Parameter, ParameterData } from './parameters.ts'

/** Says which of two folders holds the state. Written last, so that a state is whole or is the one before. */
const pointer = (folder: string) => join(folder, 'state.json')

/** Bytes of one file of a state: small enough for what copies files between machines. */
const pieceBytes = 15e6

interface Pointer {
  step: number
  place: 'state-a' | 'state-b'
  pieces: number
}

export function hasState(folder: string): boolean {
  return existsSync(pointer(folder))
}

export function saveState(
  folder: string,
  parameters: readonly Parameter[],
  data: ParameterData,
  state: AdamState,
): void {
  const before = hasState(folder) ? readPointer(folder).place : null
  const place = before === 'state-a' ? 'state-b' : 'state-a'
  rmSync(join(folder, place), { recursive: true, force: true })
  mkdirSync(join(folder, place), { recursive: true })
  const buffers = { p: data.flat, m: state.m, v: state.v, ema: state.ema }
  const pieces: { tensors: Record<string, NewTensor>; bytes: number }[] = []
  for (const [kind, buffer] of Object.entries(buffers))
    for (const { name, shape, slice } of places(parameters)) {
      const own = slice(buffer)
      let last = pieces.at(-1)
      if (!last || last.bytes + own.byteLength > pieceBytes) pieces.push((last = { tensors: {}, bytes: 0 }))
      last.tensors[`${kind}.${name}`] = { dtype: 'F32', shape, data: own }
      last.bytes += own.byteLength
    }
  for (const [i, { tensors }] of pieces.entries()) writeSafetensors(pieceFile(folder, place, i), tensors, {})
  const now: Pointer = { step: state.step, place, pieces: pieces.length }
  writeJsonSync(pointer(folder), now, 0)
  if (before) rmSync(join(folder, before), { recursive: true, force: true })
}

/** The numbers of a saved state by name, `p.`, `m.`, `v.` and `ema.` before the parameter's, and its step. */
export function readState(folder: string) {
  const { step, place, pieces } = readPointer(folder)
  const files = Array.from({ length: pieces }, (_, i) => openSafetensors(pieceFile(folder, place, i)))
  const found = new Map(files.flatMap((file) => [...file.tensors.keys()].map((name) => [name, file] as const)))
  return {
    step,
    names: [...found.keys()],
    shapeOf: (name: string) => found.get(name)?.tensors.get(name)?.shape,
    read: (name: string) => found.get(name)!.read(name),
  }
}

const pieceFile = (folder: string, place: string, i: number) => join(folder, place, `${i}.safetensors`)
const readPointer = (folder: string): Pointer => JSON.parse(readFileSync(pointer(folder), 'utf8'))

/** Read a state into `data` and `state`; every parameter must be there with its shape. */
export function loadState(
  folder: string,
  parameters: readonly Parameter[],
  data: ParameterData,
  state: AdamState,
): void {
  const saved = readState(folder)
  const buffers = { p: data.flat, m: state.m, v: state.v, ema: state.ema }
  for (const [kind, buffer] of Object.entries(buffers))
    for (const { name, shape, slice } of places(parameters)) {
      const found = saved.shapeOf(`${kind}.${name}`)
      if (found?.join() !== shape.join())
        throw new RangeError(`${name}: the saved state has [${found}], this configuration needs [${shape}]; start anew`)
      slice(buffer).set(saved.read(`${kind}.${name}`))
    }
  state.step = saved.step
}

/** Take first values from a model's weights, as far as names and shapes agree; returns the names that were not found. */
export function loadWeights(
  path: string,
  prefix: string,
  parameters: readonly Parameter[],
  data: ParameterData,
): string[] {
  const checkpoint = openSafetensors(path)
  const missing: string[] = []
  for (const { name, shape, slice } of places(parameters)) {
    if (!name.startsWith(prefix)) continue
    const own = name.slice(prefix.length)
    const found = checkpoint.tensors.get(own)
    // The table of embeddings of an older checkpoint may have fewer rows than the present vocabulary.
    const grown = found && own.endsWith('token_embedding.weight') && found.shape[0]! < shape[0]!
    const expected = grown ? [found.shape[0]!, ...shape.slice(1)] : shape
    if (found?.shape.join() === expected.join()) slice(data.flat).set(checkpoint.read(own))
    else missing.push(name)
  }
  return missing
}

export const weightsFile = (folder: string, base: string): string => join(folder, `${base}.safetensors`)

/** Write the parameters below `prefix` as a model's weights, half precision; tensors that `keep` names stay as they are. */
export function exportWeights(
  path: string,
  prefix: string,
  parameters: readonly Parameter[],
  flat: Float32Array,
  { keep = () => false }: { keep?: (name: string) => boolean } = {},
): void {
  const tensors: Record<string, NewTensor> = {}
  if (existsSync(path)) {
    const before = openSafetensors(path)
    for (const [name, { shape }] of before.tensors)
      if (keep(name)) tensors[name] = { dtype: 'F16', shape, data: before.read(name) }
  }
  for (const { name, shape, slice } of places(parameters))
    if (name.startsWith(prefix)) tensors[name.slice(prefix.length)] = { dtype: 'F16', shape, data: slice(flat) }
  writeSafetensors(path, tensors, { format: 'pt' })
}

function places(parameters: readonly Parameter[]) {
  let at = 0
  return parameters.map(({ name, shape }) => {
    const [from, to] = [at, (at += shape.reduce((a, b) => a * b, 1))]
    return { name, shape, slice: (flat: Float32Array) => flat.subarray(from, to) }
  })
}
