/** Writes `dist/`: modules by esbuild, declarations by tsc, the types of the wire from `contract/`. */
import { execFileSync } from 'node:child_process'
import { chmodSync, globSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type BuildOptions, build } from 'esbuild'
import { typeDeclarations } from './types.ts'

const folder = join(import.meta.dirname, '..')
/** Moved into place once it is whole. */
const made = mkdtempSync(join(folder, 'dist-'))
const dist = join(folder, 'dist')

try {
  chmodSync(made, 0o755)
  await writeModules()
  writeDeclarations()
  rmSync(dist, { recursive: true, force: true })
  renameSync(made, dist)
} finally {
  rmSync(made, { recursive: true, force: true })
}

async function writeModules() {
  const usual: BuildOptions = {
    absWorkingDir: folder,
    outdir: made,
    bundle: true,
    format: 'esm',
    target: 'es2022',
    platform: 'neutral',
  }
  const shared: BuildOptions = { splitting: true, chunkNames: 'shared-[hash]', external: ['node:readline'] }
  await build({ ...usual, ...shared, entryPoints: ['src/index.ts', 'src/ai-sdk.ts', 'src/cli.ts'] })
  // For pages, by a script tag: one file.
  await build({ ...usual, entryPoints: { element: 'src/element/element.ts' }, minify: true })
}

function writeDeclarations() {
  const emitted = join(made, 'emitted')
  const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin/tsc')
  execFileSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.build.json'), '--outDir', emitted], {
    stdio: 'inherit',
  })
  const source = join(emitted, 'sdk/src')
  for (const file of globSync('**/*.d.ts', { cwd: source })) {
    mkdirSync(dirname(join(made, file)), { recursive: true })
    // tsc leaves the suffix of imports as it is.
    const text = readFileSync(join(source, file), 'utf8')
    writeFileSync(join(made, file), text.replace(/((?:from|import\()\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2'))
  }
  rmSync(emitted, { recursive: true })
  writeFileSync(join(made, 'types.d.ts'), typeDeclarations())
}
