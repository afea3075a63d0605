/** Writes `dist/`: modules by esbuild, declarations by tsc, the types of the wire from `contract/`. */
import { execFileSync } from 'node:child_process'
import { globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { typeDeclarations } from './types.ts'

const folder = join(import.meta.dirname, '..')
const dist = join(folder, 'dist')

rmSync(dist, { recursive: true, force: true })
await build({
  absWorkingDir: folder,
  entryPoints: ['src/index.ts'],
  outdir: dist,
  bundle: true,
  splitting: true,
  format: 'esm',
  target: 'es2022',
  platform: 'neutral',
  chunkNames: 'shared-[hash]',
})
writeDeclarations()

function writeDeclarations() {
  const emitted = mkdtempSync(join(tmpdir(), 'fableframe-types-'))
  const tsc = join(dirname(fileURLToPath(import.meta.resolve('typescript/package.json'))), 'bin/tsc')
  try {
    execFileSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.build.json'), '--outDir', emitted], {
      stdio: 'inherit',
    })
    const source = join(emitted, 'sdk/src')
    for (const file of globSync('**/*.d.ts', { cwd: source })) {
      const to = join(dist, file)
      mkdirSync(dirname(to), { recursive: true })
      // tsc leaves the suffix of imports as it is.
      const text = readFileSync(join(source, file), 'utf8').replace(
        /(from|import\()(\s*['"]\.[^'"]*)\.ts(['"])/g,
        '$1$2.js$3',
      )
      writeFileSync(to, text)
    }
  } finally {
    rmSync(emitted, { recursive: true })
  }
  writeFileSync(join(dist, 'types.d.ts'), typeDeclarations())
  const files = globSync('**/*', { cwd: dist })
  console.log(`${relative(process.cwd(), dist)}: ${files.length} files`)
}
