/** The model at a path: a folder in diffusers layout, or one file. */
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { openModelFolder } from './folder.ts'
import { openSingleFile } from './single-file/open.ts'
import { ModelError, type ModelSource } from './source.ts'

/** Throws `ModelError`, or the errors of the layers below, for what is no model. */
export function openSource(path: string): ModelSource {
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat && !stat.isDirectory()) return openSingleFile(path)
  if (stat && !existsSync(join(path, 'model_index.json'))) {
    const files = readdirSync(path).filter((name) => name.endsWith('.safetensors'))
    if (files.length > 0)
      throw new ModelError(
        `${path} is no model in diffusers layout, as it has no model_index.json; for a model of one file, name the file: ${join(path, files[0]!)}`,
      )
  }
  return openModelFolder(path)
}
