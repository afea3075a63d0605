/** Pictures as callers give them. */

/** A `File` or `Blob`, bytes, a URL, a data URI, or the path of a file where there are files. */
export type FileInput = Blob | Uint8Array | URL | string

/** What a form carries: a file, or an address as text. */
export async function partOf(input: FileInput): Promise<Blob | string> {
  if (input instanceof Blob) return input
  if (input instanceof Uint8Array) return new Blob([new Uint8Array(input)])
  const text = String(input)
  if (/^(https?|data):/i.test(text)) return text
  return readFile(input)
}

/** Not imported, so that bundlers for browsers find nothing of Node. */
async function readFile(path: string | URL): Promise<Blob> {
  const fs = globalThis.process?.getBuiltinModule?.('node:fs/promises')
  if (!fs) throw new TypeError(`${path}: files can be read in Node only; give a File, a Blob or a URL`)
  const [name = 'file'] = String(path).split(/[\\/]/).slice(-1)
  return new File([new Uint8Array(await fs.readFile(path))], name)
}
