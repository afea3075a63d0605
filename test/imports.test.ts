/** The arrows between our folders run one way only, and no files import each other in a circle. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, matchesGlob, normalize } from 'node:path'
import { test } from 'node:test'

const runner = (...folders: string[]) => folders.map((folder) => `gpu-runner/src/${folder}/**`)
const engine = (...folders: string[]) => runner(...folders.map((folder) => `engine/${folder}`))
/** The first pattern that a file matches says what it may import, besides its own folder and packages. */
const arrows: Record<string, string[]> = {
  'contract/**': [],
  'books/**': ['contract/**'],
  'src/platform/**': ['contract/**'],
  'src/db/**': ['contract/**', 'src/platform/**'],
  'src/views/**': ['contract/**', 'src/{platform,db}/**'],
  'src/durable/**': ['contract/**', 'src/{platform,db,views}/**'],
  'src/demand/**': ['contract/**', 'src/{platform,db,durable}/**'],
  'src/upkeep/**': ['contract/**', 'src/{platform,db,durable,demand}/**'],
  'src/api/**': ['{contract,books}/**', 'src/{platform,db,views,durable,demand,upkeep}/**'],
  'src/index.ts': ['src/**', 'contract/**'],
  'gpu-runner/src/engine/graph/**': [],
  'gpu-runner/src/engine/diffusion/**': [],
  'gpu-runner/src/engine/io/**': [],
  'gpu-runner/src/engine/nn/**': engine('graph'),
  'gpu-runner/src/engine/models/**': engine('nn', 'graph'),
  'gpu-runner/src/engine/runtime/**': engine('graph', 'nn', 'io'),
  'gpu-runner/src/engine/pipeline/**': engine('models', 'nn', 'graph', 'diffusion', 'io', 'runtime'),
  'gpu-runner/src/story/measures/**': [],
  'gpu-runner/src/story/**': [...engine('pipeline', 'diffusion', 'io', 'runtime'), '{contract,books}/**'],
  'gpu-runner/src/lab/storydb/**': ['gpu-runner/src/engine/io/whole-file.ts'],
  'gpu-runner/src/lab/checkpoints/**': engine('**'),
  'gpu-runner/src/lab/parity/**': engine('**'),
  'gpu-runner/src/lab/judges/**': [...engine('**'), ...runner('lab/storydb', 'story/measures')],
  'gpu-runner/src/lab/train/**': [
    ...engine('**'),
    ...runner('lab/storydb', 'lab/judges', 'story/measures'),
    'gpu-runner/src/story/references/cut-out.ts',
    'contract/prompts/**',
  ],
  'gpu-runner/src/lab/eval/**': [
    ...engine('pipeline', 'io'),
    ...runner('lab/storydb', 'lab/judges', 'story'),
    'contract/**',
  ],
  'gpu-runner/src/service/queue/**': ['contract/**'],
  'gpu-runner/src/service/**': [...runner('service', 'story'), ...engine('io', 'runtime'), '{contract,books}/**'],
  'gpu-runner/src/serve/**': [...runner('service'), 'contract/**'],
  'gpu-runner/src/main.ts': [...runner('service', 'serve'), ...engine('runtime')],
  'gpu-runner/src/cli/doctor/**': engine('runtime'),
  'gpu-runner/src/cli/**': [...runner('engine', 'story', 'lab', 'service', 'cli'), '{contract,books}/**'],
  // Types alone, which the build writes out: the package has no dependencies.
  'sdk/src/types.ts': ['contract/**'],
  'sdk/src/version.ts': ['sdk/package.json'],
  'sdk/src/**': [],
  'sdk/build/**': ['contract/**'],
  'local/**': [
    'contract/**',
    'src/**',
    'gpu-runner/src/main.ts',
    'gpu-runner/src/engine/runtime/huge-pages.ts',
    'gpu-runner/src/service/settings.ts',
    ...runner('cli'),
    'gpu-runner/src/engine/io/whole-file.ts',
    'web/build.ts',
  ],
  'web/build.ts': ['gpu-runner/src/engine/io/whole-file.ts', 'sdk/src/element/element.ts'],
  'web/src/state/**': ['sdk/src/**'],
  'web/src/**': ['sdk/src/**', 'web/src/**'],
}

const files = globSync('{contract,books,src,gpu-runner/src,sdk/src,sdk/build,local,web}/**/*.{ts,tsx}').filter(
  (file) => !file.endsWith('.test.ts'),
)
const imported = /(?:from|import\(?) ?'(\.[^']+)'/g
/** Threads and child processes too. */
const reached = /(?:from|import\(?|new URL\() ?'(\.[^']+)'/g

const targetsOf = (file: string, pattern: RegExp): string[] =>
  [...readFileSync(file, 'utf8').matchAll(pattern)].map(([, path]) => normalize(join(dirname(file), path!)))

test('no file imports against the arrows', () => {
  const wrong = files.flatMap((file) => {
    const [own, allowed] = Object.entries(arrows).find(([pattern]) => matchesGlob(file, pattern)) ?? [dirname(file), []]
    return targetsOf(file, reached)
      .filter((target) => ![own, ...allowed].some((pattern) => matchesGlob(target, pattern)))
      .map((target) => `${file} imports ${target}`)
  })
  assert.ok(files.length > 20, `only ${files.length} files were looked at`)
  assert.deepEqual(wrong, [])
})

/** They write what is never half read: new folders that are moved into place, logs, secrets that must not replace others. */
const writersOfTheirOwn = [
  'gpu-runner/src/engine/io/{whole-file,safetensors}.ts',
  'gpu-runner/src/lab/storydb/{write-unit,write}.ts',
  'gpu-runner/src/service/liveness.ts',
  'local/{api-key,edge}.ts',
  'sdk/build/{build,check}.ts',
]

test('files are written by whole-file.ts, so that they are there whole or not at all', () => {
  const wrong = files
    .filter((file) => /\b(?:writeFile|writeFileSync|createWriteStream|toFile)\(/.test(readFileSync(file, 'utf8')))
    .filter((file) => !writersOfTheirOwn.some((pattern) => matchesGlob(file, pattern)))
  assert.deepEqual(wrong, [])
})

test('no files import each other in a circle', () => {
  const done = new Set<string>()
  const circles: string[] = []
  for (const file of files) visit(file, [])
  assert.deepEqual(circles, [])

  function visit(file: string, path: string[]): void {
    if (path.includes(file)) circles.push([...path.slice(path.indexOf(file)), file].join(' -> '))
    if (done.has(file) || path.includes(file)) return
    for (const target of targetsOf(file, imported)) if (files.includes(target)) visit(target, [...path, file])
    done.add(file)
  }
})
