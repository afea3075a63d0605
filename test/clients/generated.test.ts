/** Clients made from `/openapi.json` by the generators that people use: they compile, post a story and poll it. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { startDrawing } from '../drawing-runner.ts'
import { testEdge } from '../worker.ts'
import { PROGRAMS } from './programs.ts'

const exec = promisify(execFile)
const root = join(import.meta.dirname, '../..')
const folder = await mkdtemp(join(tmpdir(), 'clients-'))
after(() => rm(folder, { recursive: true }))
const edge = await testEdge()
startDrawing(edge, 'story-mini')

const bin = (name: string) =>
  [import.meta.dirname, root].map((at) => join(at, 'node_modules/.bin', name)).find(existsSync) ?? name
const generate = (name: string, ...args: string[]) =>
  exec(process.execPath, [bin(name), ...args], {
    cwd: folder,
    env: { ...process.env, NODE_OPTIONS: `--import ${pathToFileURL(join(import.meta.dirname, 'typescript-5.ts'))}` },
  })

test('three generators make clients that compile, post and poll', async () => {
  const document = await edge.call<object>('GET', '/openapi.json')
  await writeFile(join(folder, 'openapi.json'), JSON.stringify(document.body))
  await generate('openapi-typescript', 'openapi.json', '-o', 'openapi-typescript/types.d.ts')
  await generate('openapi-ts', '-i', 'openapi.json', '-o', 'hey-api')
  await generate('orval', '--input', 'openapi.json', '--output', 'orval/client.ts', '--client', 'fetch')
  const programs = Object.entries(PROGRAMS).map(([name, code]) => ({
    name,
    code,
    file: join(folder, `use-${name}.ts`),
  }))
  for (const { file, code } of programs) await writeFile(file, code)
  const compilerOptions = {
    ...{ strict: true, noEmit: true, skipLibCheck: true, types: [] },
    ...{ target: 'es2024', lib: ['es2024', 'dom', 'dom.iterable'], module: 'esnext', moduleResolution: 'bundler' },
  }
  await writeFile(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }))
  await exec(process.execPath, [bin('tsc'), '-p', folder]).catch(({ stdout }) => assert.fail(stdout))
  for (const { name, file } of programs) {
    const outfile = join(folder, `${name}.mjs`)
    await build({ entryPoints: [file], bundle: true, format: 'esm', outfile })
    const { run } = await import(pathToFileURL(outfile).href)
    assert.equal(await run(edge.url, edge.key), 'succeeded', name)
  }
})
