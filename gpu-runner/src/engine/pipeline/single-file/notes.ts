/**
 * What the tensors of a file do not tell, in its metadata, as `npm run convert` writes it: `fableframe.<name>`, JSON, for
 * configurations that differ from those of the published models, a scheduler, and a tokenizer that is not CLIP's.
 */
import type { Checkpoint } from '../../io/safetensors.ts'
import { ModelError } from '../source.ts'

const key = (name: string) => `fableframe.${name}`

/** Undefined where nothing is noted under `name`. Throws `ModelError` for what is no JSON object. */
export function note({ path, metadata }: Checkpoint, name: string): object | undefined {
  const text = metadata[key(name)]
  if (text === undefined) return undefined
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new ModelError(`${path}: ${key(name)} in its metadata is no JSON: ${(error as Error).message}`)
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  throw new ModelError(`${path}: ${key(name)} in its metadata is no JSON object`)
}

export const noted = (notes: Readonly<Record<string, object>>): Record<string, string> =>
  Object.fromEntries(Object.entries(notes).map(([name, value]) => [key(name), JSON.stringify(value)]))
