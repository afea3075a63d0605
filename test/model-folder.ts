/** Copies of the small model folders, for tests that change something in them. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { openSafetensors, writeSafetensors } from '../gpu-runner/src/engine/io/safetensors.ts'

export const sd15 = join(import.meta.dirname, 'golden/e2e-sd15-tiny/pipeline')
export const sdxl = join(import.meta.dirname, 'golden/e2e-sdxl-tiny/pipeline')

export function copyModel(t: TestContext, model: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'model-'))
  t.after(() => rmSync(folder, { recursive: true }))
  cpSync(model, folder, { recursive: true })
  return folder
}

export function editJson(path: string, changes: Record<string, unknown>): void {
  const json = JSON.parse(readFileSync(path, 'utf8'))
  writeFileSync(path, JSON.stringify({ ...json, ...changes }))
}

/** Overwrite one tensor of a safetensors file with `value` throughout. */
export function fillTensor(path: string, name: string, value: number): void {
  const checkpoint = openSafetensors(path)
  const tensors = Object.fromEntries(
    [...checkpoint.tensors].map(([key, { dtype, shape }]) => {
      const data = key === name ? checkpoint.read(key).fill(value) : checkpoint.bytes(key)
      return [key, { dtype: key === name ? ('F32' as const) : dtype, shape, data }]
    }),
  )
  if (!tensors[name]) throw new RangeError(`${path} has no tensor '${name}'`)
  writeSafetensors(path, tensors)
}
