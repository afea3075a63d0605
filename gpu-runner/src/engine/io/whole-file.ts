/** Files that are there whole or not at all: written beside their place and moved there at the end. */

import { renameSync, rmSync, writeFileSync } from 'node:fs'
import { rename, rm, writeFile } from 'node:fs/promises'

/** What is at `path` stays until all is written; a failed write, of a full disk for one, leaves nothing behind. */
export async function writeWhole(path: string, data: string | Uint8Array): Promise<void> {
  const partial = partialOf(path)
  try {
    await writeFile(partial, data)
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true }).catch(() => {})
    throw named(error, path)
  }
}

export function writeWholeSync(path: string, data: string | Uint8Array): void {
  const partial = partialOf(path)
  try {
    writeFileSync(partial, data)
    renameSync(partial, path)
  } catch (error) {
    removeIfThere(partial)
    throw named(error, path)
  }
}

/** As JSON with a line feed at its end; `indent` spaces for each level, none for one line. */
export const writeJson = (path: string, value: unknown, indent = 2): Promise<void> =>
  writeWhole(path, `${JSON.stringify(value, null, indent)}\n`)

export const writeJsonSync = (path: string, value: unknown, indent = 2): void =>
  writeWholeSync(path, `${JSON.stringify(value, null, indent)}\n`)

/** The first error is the one that counts. */
function removeIfThere(path: string): void {
  try {
    rmSync(path, { force: true })
  } catch {}
}

const partialOf = (path: string) => `${path}.${process.pid}.partial`

/** Node names the file that it could not open, but none that it could not write to the end. */
function named(error: unknown, path: string): unknown {
  return error instanceof Error ? Object.assign(error, { path }) : error
}
