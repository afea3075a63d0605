/** What our documents say of commands and settings is so. `operations.ci.ts` runs the longer blocks. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { Settings as RunnerSettings } from '../gpu-runner/src/service/settings.ts'
import { LocalSettings } from '../local/settings.ts'
import { Settings as EdgeSettings } from '../src/platform/env.ts'
import { root } from './commands.ts'
import { blocksOf } from './doc-blocks.ts'
import { testEdge } from './worker.ts'

const blocks = ['README.md', 'docs/operations.md', 'docs/cog.md', 'CONTRIBUTING.md'].flatMap(blocksOf)

test('command blocks are shell, and name scripts and files that there are', () => {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object }
  assert.ok(blocks.length > 5)
  for (const { text } of blocks) {
    execFileSync('bash', ['-n'], { input: text })
    for (const [, name] of text.matchAll(/npm run (?:-s )?([\w:-]+)/g)) assert.ok(name! in scripts, `npm run ${name}`)
    for (const [path] of text.matchAll(/(?<![\w./-])(gpu-runner|src|local|test|docs)\/[\w./-]+/g))
      assert.ok(existsSync(join(root, path)), path)
  }
})

test('the request of the README is accepted as it stands', async () => {
  const edge = await testEdge()
  const block = blocks.find(({ document, runs }) => document === 'README.md' && runs)
  const { stdout } = await promisify(execFile)('bash', ['-ec', block!.text], {
    env: { ...process.env, URL: edge.url, KEY: edge.key },
  })
  assert.equal(JSON.parse(stdout).status, 'queued')
})

test('docs/operations.md has a row for every setting, and its default where that is a plain value', () => {
  const table = readFileSync(join(root, 'docs/operations.md'), 'utf8')
  const shapes = { ...RunnerSettings.shape, ...LocalSettings.shape, ...EdgeSettings.shape }
  for (const [name, schema] of Object.entries(shapes)) {
    const row = table.split('\n').find((line) => line.startsWith('| `') && line.split('|')[1]!.includes(`\`${name}\``))
    assert.ok(row, `no row for ${name}`)
    const usual = schema.safeParse(undefined).data
    const isPlain = typeof usual === 'number' || (typeof usual === 'string' && !usual.startsWith('/'))
    const isOfMachine = ['FABLEFRAME_MEMORY_MB', 'FABLEFRAME_THREADS'].includes(name)
    if (isPlain && !isOfMachine) assert.match(row.split('|')[2]!, new RegExp(`\`${usual}\``), name)
  }
})
