/** The arrows between our folders run one way only; this is the list of them. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, matchesGlob, normalize } from 'node:path'
import { test } from 'node:test'

const engine = (...folders: string[]) => folders.map((folder) => `gpu-runner/src/${folder}/**`)
/** The first pattern that a file matches says what it may import, besides its own folder and packages. */
const arrows: Record<string, string[]> = {
  'contract/**': [],
  'src/db/**': ['contract/**'],
  'src/api/**': ['contract/**', 'src/db/**'],
  'src/client.ts': ['src/api/**'],
  'src/index.ts': ['src/**', 'contract/**'],
  'gpu-runner/src/graph/**': [],
  'gpu-runner/src/diffusion/**': [],
  'gpu-runner/src/io/**': [],
  'gpu-runner/src/storydb/**': [],
  'gpu-runner/src/measures/**': [],
  'gpu-runner/src/nn/**': engine('graph'),
  'gpu-runner/src/models/**': engine('nn', 'graph'),
  'gpu-runner/src/runtime/**': engine('graph', 'nn', 'io'),
  'gpu-runner/src/judges/**': engine('nn', 'graph', 'io', 'runtime', 'storydb', 'measures'),
  'gpu-runner/src/train/**': engine(
    'judges',
    'models',
    'nn',
    'graph',
    'diffusion',
    'io',
    'runtime',
    'storydb',
    'measures',
  ),
  'gpu-runner/src/pipeline/**': engine('models', 'nn', 'graph', 'diffusion', 'io', 'runtime'),
  'gpu-runner/src/story/**': [...engine('pipeline', 'diffusion', 'io', 'runtime', 'measures'), 'contract/**'],
  'gpu-runner/src/eval/**': [...engine('story', 'pipeline', 'judges', 'io', 'storydb', 'measures'), 'contract/**'],
  'gpu-runner/src/doctor/**': engine('runtime'),
  'gpu-runner/src/worker/**': [...engine('story'), 'contract/**'],
  'gpu-runner/src/queue/**': ['contract/**'],
  'gpu-runner/src/**': ['gpu-runner/src/**', 'contract/**'],
  'local/**': ['contract/**', 'src/**', 'gpu-runner/src/{main,runtime/huge-pages}.ts', ...engine('cli')],
}

test('no file imports against the arrows', () => {
  const files = globSync('{contract,src,gpu-runner/src,local}/**/*.ts').filter((file) => !file.endsWith('.test.ts'))
  const wrong = files.flatMap((file) => {
    const [own, allowed] = Object.entries(arrows).find(([pattern]) => matchesGlob(file, pattern)) ?? [dirname(file), []]
    const imports = readFileSync(file, 'utf8').matchAll(/(?:from|import\(?|new URL\() ?'(\.[^']+)'/g)
    return [...imports]
      .map(([, path]) => normalize(join(dirname(file), path!)))
      .filter((target) => ![own, ...allowed].some((pattern) => matchesGlob(target, pattern)))
      .map((target) => `${file} imports ${target}`)
  })
  assert.ok(files.length > 20, `only ${files.length} files were looked at`)
  assert.deepEqual(wrong, [])
})
