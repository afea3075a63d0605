/** The Worker as one file, kept in `node_modules/.cache` for as long as none of the files that it is made of changes. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type BuildOptions, build, version } from 'esbuild'
import { z } from 'zod'
import { writeWhole } from '../gpu-runner/src/engine/io/whole-file.ts'

const root = join(import.meta.dirname, '..')
const options = {
  format: 'esm',
  target: 'es2024',
  conditions: ['workerd', 'worker'],
  mainFields: ['module', 'main'],
} satisfies BuildOptions

/** `inputs` are files by path, with what `stampOf` said of each. */
const Kept = z.object({ inputs: z.record(z.string(), z.string()), text: z.string() })

/** The bundle of the module `entry`. */
export async function bundleWorker(entry: string, folder = join(root, 'node_modules/.cache/worker')): Promise<string> {
  const key = createHash('sha256')
    .update(JSON.stringify([entry, options, version]))
    .digest('hex')
    .slice(0, 16)
  const file = join(folder, `${key}.json`)
  const kept = await readKept(file)
  if (kept !== undefined) return kept
  const { outputFiles, metafile } = await build({
    ...options,
    ...{ absWorkingDir: root, entryPoints: [entry], bundle: true, write: false, metafile: true },
  })
  const [bundle] = outputFiles
  if (!bundle) throw new Error(`esbuild wrote nothing for ${entry}`)
  const inputs = await Promise.all(
    Object.keys(metafile.inputs)
      // A module that is left out for this platform is no file.
      .filter((path) => !path.startsWith('('))
      .map((path) => resolve(root, path))
      .map(async (path) => [path, await stampOf(path)] as const),
  )
  await mkdir(folder, { recursive: true })
  await writeWhole(file, JSON.stringify({ inputs: Object.fromEntries(inputs), text: bundle.text }))
  return bundle.text
}

/** What was kept, if all its files are as they were. */
async function readKept(file: string): Promise<string | undefined> {
  try {
    const { inputs, text } = Kept.parse(JSON.parse(await readFile(file, 'utf8')))
    const stamps = await Promise.all(Object.keys(inputs).map(stampOf))
    return Object.values(inputs).every((stamp, i) => stamp === stamps[i]) ? text : undefined
  } catch {
    return undefined
  }
}

async function stampOf(path: string): Promise<string> {
  const { mtimeMs, size } = await stat(path)
  return `${mtimeMs} ${size}`
}
