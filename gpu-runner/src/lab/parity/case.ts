/** Golden cases as they are stored: `case.json`, `inputs.safetensors`, `outputs.safetensors` and weights. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { z } from 'zod'
import { type Checkpoint, openSafetensors } from '../../engine/io/safetensors.ts'
import type { Device } from '../../engine/runtime/device.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { type Check, compare, type Tolerance } from './compare.ts'

const CaseJson = z.looseObject({
  name: z.string(),
  kind: z.string(),
  tolerance: z.looseObject({ atol: z.number().default(0), rtol: z.number().default(0) }),
  weights: z.record(z.string(), z.string()).default({}),
  runs: z.array(z.looseObject({ id: z.string() })).default([]),
})

export interface GoldenCase {
  readonly folder: string
  /** `case.json`, whole. */
  readonly json: z.output<typeof CaseJson>
  readonly tolerance: Tolerance
  readonly inputs: Checkpoint
  readonly outputs: Checkpoint
}

export type { Device }

/** Computes what a case asks for and compares it, one check an output. */
export type Runner = (golden: GoldenCase, device: Device) => AsyncIterable<Check>

/** What a case asks for is beyond this code: an unknown kind, a missing file, an option without an implementation. */
export class NotUnderstood extends Error {
  override name = 'NotUnderstood'
}

/** Every folder with a `case.json` at or below `folder`, in order of their names. */
export function findCases(folder: string): string[] {
  if (existsSync(join(folder, 'case.json'))) return [folder]
  const folders = readdirSync(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory())
  return folders.flatMap(({ name }) => findCases(join(folder, name))).sort()
}

export function openCase(folder: string): GoldenCase {
  const json = CaseJson.parse(readJson(join(folder, 'case.json')))
  return {
    folder,
    json,
    tolerance: json.tolerance,
    inputs: openIfThere(join(folder, 'inputs.safetensors')),
    outputs: openIfThere(join(folder, 'outputs.safetensors')),
  }
}

/** The folder with the weights of `part`: another case's, or the case's own. */
export function weightsOf({ folder, json }: GoldenCase, part: string): string {
  return resolve(folder, json.weights[part] ?? '.')
}

export function readJson(path: string): unknown {
  return JSON.parse(readFileSync(path, 'utf8'))
}

/** The input `name` as float32, and under its stored shape. */
export function inputOf({ inputs, folder }: GoldenCase, name: string): HostTensor & { data: Float32Array } {
  const info = inputs.tensors.get(name)
  if (!info) throw new NotUnderstood(`${folder}: no input '${name}'`)
  return { data: inputs.read(name), shape: info.shape }
}

/** A timestep, 0-d or one for each sample, as [batch]. */
export function timestepOf(golden: GoldenCase, name: string, batch: number): HostTensor {
  const { data } = inputOf(golden, name)
  return { data: Float32Array.from({ length: batch }, (_, i) => data[i] ?? data[0]!), shape: [batch] }
}

/** Names of the expected outputs of a run, without the run's name. */
export function outputsOf({ outputs }: GoldenCase, run: string): string[] {
  const start = `${run}.`
  return [...outputs.tensors.keys()].filter((name) => name.startsWith(start)).map((name) => name.slice(start.length))
}

/** `got` against the expected output `name`. Integers are exact; 8-bit pixels, taken as 0 … 1, may be off by one level. */
export function check(golden: GoldenCase, name: string, got: HostTensor, tolerance = golden.tolerance): Check {
  const info = golden.outputs.tensors.get(name)
  if (!info) throw new NotUnderstood(`${golden.folder}: no output '${name}'`)
  const want = { data: golden.outputs.read(name), shape: info.shape }
  if (info.dtype === 'U8') {
    const levels = (data: HostTensor['data']) => Float32Array.from(data as ArrayLike<number>, (level) => level / 255)
    const picture = { data: levels(got.data), shape: got.shape }
    return compare(name, picture, { data: levels(want.data), shape: want.shape }, { atol: 1.001 / 255, rtol: 0 })
  }
  if (info.dtype.startsWith('I') || info.dtype === 'BOOL') return compare(name, got, want, { atol: 0, rtol: 0 })
  // A tolerance for latents would let whole timesteps pass.
  return compare(name, got, want, name.endsWith('timesteps') ? { atol: 1e-3, rtol: 0 } : tolerance)
}

/** Check those of `values` that the case has an expected output for. */
export function* checkAll(golden: GoldenCase, run: string, values: Readonly<Record<string, HostTensor>>) {
  const wanted = new Set(outputsOf(golden, run))
  for (const [name, value] of Object.entries(values)) if (wanted.has(name)) yield check(golden, `${run}.${name}`, value)
}

function openIfThere(path: string): Checkpoint {
  if (existsSync(path)) return openSafetensors(path)
  const missing = (name: string): never => {
    throw new NotUnderstood(`${path} is missing, and with it '${name}'`)
  }
  return { path, tensors: new Map(), metadata: {}, read: missing, bytes: missing }
}
