/** A model's `config.json`, read and checked. */
import { readFileSync, statSync } from 'node:fs'
import { z } from 'zod'

/** The file is missing, is no JSON, or asks for what is not built: which file, and what in it. */
export class ConfigError extends Error {
  override name = 'ConfigError'
  readonly path: string
  constructor(path: string, message: string) {
    super(message)
    this.path = path
  }
}

/** Far beyond any configuration; a larger file is something else. */
const maxBytes = 1 << 20

/** The JSON at `path` as `parse` reads it, a zod schema's or one like it. */
export function readConfig<T>(path: string, parse: (json: unknown) => T): T {
  return parseConfig(path, readJson(path), parse)
}

/** `json`, which came from the file at `path`, as `parse` reads it. */
export function parseConfig<T>(path: string, json: unknown, parse: (json: unknown) => T): T {
  try {
    return parse(json)
  } catch (error) {
    if (error instanceof z.ZodError) throw new ConfigError(path, `${path}: ${z.prettifyError(error).slice(0, 1000)}`)
    throw error
  }
}

function readJson(path: string): unknown {
  const fail = (problem: string) => new ConfigError(path, `${path} ${problem}`)
  let text: string
  try {
    const stat = statSync(path, { throwIfNoEntry: false })
    if (!stat) throw fail('is missing; the folder is no model in diffusers layout')
    if (!stat.isFile()) throw fail('is no file')
    if (stat.size > maxBytes) throw fail(`has ${stat.size} bytes, too many for a configuration`)
    text = readFileSync(path, 'utf8')
  } catch (error) {
    throw error instanceof ConfigError ? error : fail(`cannot be read: ${(error as Error).message}`)
  }
  try {
    return JSON.parse(text)
  } catch (error) {
    throw fail(`is no JSON: ${(error as Error).message}`)
  }
}
