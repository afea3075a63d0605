/** Training state on disk: everything that a resumed run needs to go on as if it had never stopped. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { type NewTensor, openSafetensors, writeSafetensors } from '../../engine/io/safetensors.ts'
import type { AdamState } from './adamw.ts'
import type { Parameter, ParameterData } from './parameters.ts'

const fileOf = (folder: string) => join(folder, 'state.safetensors')

export function hasState(folder: string): boolean {
  return existsSync(fileOf(folder))
}

export function saveState(
  folder: string,
  parameters: readonly Parameter[],
  data: ParameterData,
  state: AdamState,
): void {
  mkdirSync(folder, { recursive: true })
  const buffers = { p: data.flat, m: state.m, v: state.v, ema: state.ema }
  const tensors: Record<string, NewTensor> = {}
  for (const [kind, buffer] of Object.entries(buffers))
    for (const { name, shape, slice } of places(parameters))
      tensors[`${kind}.${name}`] = { dtype: 'F32', shape, data: slice(buffer) }
  writeSafetensors(fileOf(folder), tensors, { step: String(state.step) })
}

/** Read a state into `data` and `state`; every parameter must be there with its shape. */
export function loadState(
  folder: string,
  parameters: readonly Parameter[],
  data: ParameterData,
  state: AdamState,
): void {
  const checkpoint = openSafetensors(fileOf(folder))
  const buffers = { p: data.flat, m: state.m, v: state.v, ema: state.ema }
  for (const [kind, buffer] of Object.entries(buffers))
    for (const { name, shape, slice } of places(parameters))
      slice(buffer).set(fitting(checkpoint, `${kind}.${name}`, shape))
  state.step = Number(checkpoint.metadata.step)
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
    // A table of embeddings may have fewer rows than the vocabulary of today.
    const grown = found && own.endsWith('token_embedding.weight') && found.shape[0]! < shape[0]!
    const wanted = grown ? [found.shape[0]!, ...shape.slice(1)] : shape
    if (found?.shape.join() === wanted.join()) slice(data.flat).set(checkpoint.read(own))
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

function fitting(checkpoint: ReturnType<typeof openSafetensors>, name: string, shape: readonly number[]) {
  const found = checkpoint.tensors.get(name)?.shape
  if (found?.join() !== shape.join())
    throw new RangeError(`${name}: the saved state has [${found}], this configuration needs [${shape}]; start anew`)
  return checkpoint.read(name)
}

function places(parameters: readonly Parameter[]) {
  let at = 0
  return parameters.map(({ name, shape }) => {
    const [from, to] = [at, (at += shape.reduce((a, b) => a * b, 1))]
    return { name, shape, slice: (flat: Float32Array) => flat.subarray(from, to) }
  })
}
