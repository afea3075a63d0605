/** What our documents say of commands and settings is so. `operations.ci.ts` runs the longer blocks. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { Settings as RunnerSettings } from '../gpu-runner/src/service/settings.ts'
import { LocalSettings } from '../local/settings.ts'
import { Settings as EdgeSettings } from '../src/platform/env.ts'
import { root } from './commands.ts'
import { blocksOf } from './doc-blocks.ts'
import { startRunner } from './runner.ts'
import { testEdge } from './worker.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
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

test('the TypeScript and the Python of the README make a story, and print its pictures and its book', async (t) => {
  const edge = await testEdge()
  await startRunner(t, edge.url)
  const run = (command: string, ...args: string[]) =>
    promisify(execFile)(command, args, { env: { ...process.env, URL: edge.url, KEY: edge.key } })
  const snippet = (language: string) => readme.split(`\n\`\`\`${language}\n`)[1]!.split('\n```')[0]!
  const links = (stdout: string) => [...stdout.matchAll(/\/(frames\/\d\.png|book\.pdf)\?/g)].map(([, file]) => file)
  const sdk = pathToFileURL(join(root, 'sdk/src/index.ts')).href
  const typescript = snippet('ts').replace("from 'fableframe'", `from '${sdk}'`)
  const made = await run(process.execPath, '--input-type=module-typescript', '-e', typescript)
  assert.deepEqual(links(made.stdout), ['frames/0.png', 'frames/1.png', 'book.pdf'])
  const hasRequests = await run('python3', '-c', 'import requests').then(
    () => true,
    () => false,
  )
  if (!hasRequests) return t.diagnostic('Python was not tried, for want of python3 with requests')
  assert.deepEqual(links((await run('python3', '-c', snippet('python'))).stdout), [
    'frames/0.png',
    'frames/1.png',
    'book.pdf',
  ])
})

test('links between documents lead somewhere', () => {
  const documents = [
    'README.md',
    'CONTRIBUTING.md',
    ...readdirSync(join(root, 'docs')).flatMap((name) => (name.endsWith('.md') ? [`docs/${name}`] : [])),
  ]
  const anchorsIn = (path: string) =>
    [...readFileSync(path, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
      title!
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    )
  for (const document of documents)
    for (const [, target] of readFileSync(join(root, document), 'utf8').matchAll(/\]\((?!https?:)([^)\s]+)\)/g)) {
      const [path = '', anchor] = target!.split('#')
      const file = path === '' ? join(root, document) : join(root, dirname(document), path)
      assert.ok(existsSync(file), `${document}: ${target}`)
      if (anchor !== undefined) assert.ok(anchorsIn(file).includes(anchor), `${document}: ${target}`)
    }
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
