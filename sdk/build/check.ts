/** `npm run check:package`: the package as it would be published, packed, installed into a folder of its own and used. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { typeNames } from './types.ts'

const folder = join(import.meta.dirname, '..')
const root = join(folder, '..')
/** Bytes, compressed. */
const LIMITS = { package: 40_000, element: 12_000 }

/** Says of an app's own types what it may and may not write. */
const APP = `
import { Fableframe, type Story, type StoryParams, ValidationError, verifyWebhook } from 'fableframe'
import { fableframe } from 'fableframe/ai-sdk'
import type { FableStory } from 'fableframe/element'

const client = new Fableframe({ token: 'ff_client_…', baseUrl: 'https://stories.example' })
const params: StoryParams = { frames: [{ prompt: 'a fox' }], guidance_interval: [0, 0.5], priority: 'low' }
// @ts-expect-error
const wrong: StoryParams = { frames: [{ prompt: 'a fox' }], guidance_interval: [0, 0.5, 1] }
const story: Story = await client.stories.createAndWait(params)
// @ts-expect-error
story.frames[0].picture
for await (const event of client.stories.follow(story.id)) if (event.type === 'frame') event.frame.url.length
for await (const { id } of client.stories.list({ status: 'failed' })) id.length
const { data } = await verifyWebhook('', new Headers(), 'whsec_')
const element: FableStory = document.querySelector('fable-story')!
element.addEventListener('expired', ({ detail }) => detail.message.length)
export { client, data, element, fableframe, ValidationError, wrong }
`

/** That the types that were written out are those of the contract. */
const SAME = `
import type * as Plain from '${join(folder, 'dist/types.js')}'
import type * as Wire from '${join(folder, 'src/types.ts')}'
type Same<A, B> = [A, B] extends [B, A] ? true : false
${typeNames.map((name) => `export const same${name}: Same<Plain.${name}, Wire.${name}> = true`).join('\n')}
`

const app = mkdtempSync(join(tmpdir(), 'fableframe-app-'))
try {
  run('npm', 'pack', '--silent', '--pack-destination', app)
  const [tarball = ''] = readdirSync(app)
  const packed = join(app, tarball)
  const listed = run('tar', '-tzf', packed)
    .trim()
    .split('\n')
    .map((name) => name.replace('package/', ''))
  const strange = listed.filter((name) => !/^(dist\/[\w/.-]+\.(js|d\.ts)|package\.json|README\.md|LICENSE)$/.test(name))
  require(strange.length === 0, `the package holds ${strange}`)
  for (const name of ['LICENSE', 'README.md', 'dist/index.js', 'dist/index.d.ts', 'dist/element.js', 'dist/cli.js'])
    require(listed.includes(name), `the package lacks ${name}`)
  requireSize('the package', statSync(packed).size, LIMITS.package)
  requireSize('the element', gzipSync(readFileSync(join(folder, 'dist/element.js'))).length, LIMITS.element)
  console.log(run('npx', '--no', 'publint', 'run', packed, '--strict'))
  console.log(run('npx', '--no', 'attw', packed, '--profile', 'esm-only', '--no-emoji'))

  writeFileSync(join(app, 'package.json'), '{ "type": "module", "private": true }')
  run('npm', 'install', '--offline', '--no-audit', '--no-fund', '--prefix', app, packed)
  writeFileSync(join(app, 'app.ts'), APP)
  const strict = ['--strict', '--exactOptionalPropertyTypes', '--module', 'nodenext', '--target', 'es2022', '--noEmit']
  const tsc = join(root, 'node_modules/typescript/bin/tsc')
  run(process.execPath, tsc, ...strict, '--types', '', join(app, 'app.ts'))
  run(
    process.execPath,
    '--input-type=module',
    '-e',
    "await import('fableframe/element'); await import('fableframe/ai-sdk')",
  )
  writeFileSync(join(app, 'same.ts'), SAME)
  run(process.execPath, tsc, ...strict, '--skipLibCheck', '--allowImportingTsExtensions', join(app, 'same.ts'))
  require(run(join(app, 'node_modules/.bin/fableframe'), '--help').includes(
    'fableframe mcp',
  ), 'the command does not help')
  console.log(`${tarball}: ${listed.length} files, ${statSync(packed).size} bytes; types, command and modules work`)
} catch (error) {
  const { stdout = '', stderr = '', message } = error as Error & { stdout?: string; stderr?: string }
  console.error(`${message}\n${stdout}${stderr}`)
  process.exitCode = 1
} finally {
  rmSync(app, { recursive: true })
}

function run(command: string, ...args: string[]): string {
  const cwd = command === process.execPath ? app : folder
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}

function require(holds: boolean, message: string): void {
  if (!holds) throw new Error(message)
}

function requireSize(what: string, bytes: number, most: number): void {
  require(bytes <= most, `${what} is ${bytes} bytes compressed, of ${most} that it may be`)
  console.log(`${what}: ${bytes} bytes compressed, of ${most}`)
}
