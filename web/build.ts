/**
 * The static files that the Worker serves: the playground and the embed page, made of `web/src`, `<fable-story>`, and the two of Swagger UI for `/docs`.
 * `node web/build.ts` writes them to `web/dist`, which `wrangler.toml` names; the local edge keeps them in memory.
 */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'esbuild'
import { writeWhole } from '../gpu-runner/src/engine/io/whole-file.ts'

const root = join(import.meta.dirname, '..')

/** Each file by its name, as `src/api/http/assets.ts` asks for it. */
export async function buildAssets(): Promise<Map<string, Uint8Array>> {
  const { outputFiles } = await build({
    entryPoints: {
      playground: join(import.meta.dirname, 'src/main.tsx'),
      embed: join(import.meta.dirname, 'src/embed.ts'),
      element: join(root, 'sdk/src/element/element.ts'),
    },
    outdir: 'out',
    bundle: true,
    write: false,
    minify: true,
    format: 'esm',
    target: 'es2023',
    jsx: 'automatic',
    jsxImportSource: 'preact',
    // Fonts keep their names beside the style sheet.
    loader: { '.woff2': 'file' },
    assetNames: '[name]',
    legalComments: 'none',
  })
  const built = outputFiles.map(({ path, contents }) => [baseName(path), contents] as const)
  const copied = [
    join(import.meta.dirname, 'playground.html'),
    join(import.meta.dirname, 'icon.svg'),
    join(root, 'node_modules/swagger-ui-dist/swagger-ui.css'),
    join(root, 'node_modules/swagger-ui-dist/swagger-ui-bundle.js'),
  ].map(async (path) => [baseName(path), new Uint8Array(await readFile(path))] as const)
  return new Map([...built, ...(await Promise.all(copied))])
}

const baseName = (path: string) => path.split(/[\\/]/).at(-1) ?? path

if (import.meta.main) {
  const dist = join(import.meta.dirname, 'dist')
  await mkdir(dist, { recursive: true })
  for (const [name, contents] of await buildAssets()) await writeWhole(join(dist, name), contents)
}
