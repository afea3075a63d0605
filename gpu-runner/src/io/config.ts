/** A model's `config.json`, read and checked. */
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'

/** The file is missing, is no JSON, or asks for what is not built: which file, and what in it. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly path: string
  constructor(path: string, problem: string) {
    super(`${path}: ${problem}`)
    this.path = path
  }
}

/** Far beyond any configuration; a larger file is something else. */
const maxBytes = 1 << 20

/** What `parse`, a zod schema's or one like it, makes of the JSON at `path`. */
export function readConfig<T>(path: string, parse: (json: unknown) => T): T {
  const json = readJson(path)
  try {
    return parse(json)
  } catch (error) {
    if (error instanceof z.ZodError) throw new ConfigError(path, z.prettifyError(error).slice(0, 1000))
    throw error
  }
}

function readJson(path: string): unknown {
  try {
    const stat = statSync(path)
    if (!stat.isFile()) throw new Error('it is no file')
    if (stat.size > maxBytes) throw new Error(`${stat.size} bytes are too many for a configuration`)
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch (error) {
    throw new ConfigError(path, `cannot be read: ${(error as Error).message}`)
  }
}
