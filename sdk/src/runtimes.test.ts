/** The built client where it shall run: Node 20, workerd, and a page of another origin in Chromium with a client token. */
import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { build } from 'esbuild'
import { Miniflare } from '../../local/miniflare.ts'
import { noBrowser, openPage } from '../../test/browser.ts'
import { dataFolder } from '../../test/data-folder.ts'
import { startDrawing } from '../../test/drawing-runner.ts'
import { testEdge } from '../../test/worker.ts'
import { Fableframe, PermissionError, TokenLimitError } from './index.ts'

const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, 'index.ts')],
  ...{ bundle: true, write: false, format: 'esm', target: 'es2022', platform: 'neutral' },
})
const sdk = outputFiles[0]!.text
const edge = await testEdge()
startDrawing(edge, 'story-mini', 5)
const client = new Fableframe({ apiKey: edge.key, baseUrl: edge.url })

/** A story from its creation to its picture. */
const USE = `
const events = []
const { id } = await client.stories.create({ frames: [{ prompt: 'a fox' }] })
for await (const { type, story } of client.stories.follow(id)) events.push(type === 'end' ? story.status : type)
const { frames } = await client.stories.wait(id)
const picture = await client.frames.download(frames[0])
const said = JSON.stringify([...new Set(events)].filter((one) => one !== 'progress').concat(picture.type))
`
const expected = '["frame","succeeded","image/png"]'

const NODE = '/usr/bin/node'
const version = (() => {
  try {
    return execFileSync(NODE, ['--version'], { encoding: 'utf8' }).trim()
  } catch {
    return 'missing'
  }
})()
const isNode20 = version.startsWith('v20.')

test('Node 20', { skip: !isNode20 && `${NODE} is ${version}` }, async (t) => {
  const { path: folder } = await dataFolder(t)
  await writeFile(join(folder, 'sdk.mjs'), sdk)
  const script = `import { Fableframe } from './sdk.mjs'\nconst client = new Fableframe()\n${USE}\nconsole.log(said)`
  await writeFile(join(folder, 'app.mjs'), script)
  const env = { FABLEFRAME_API_KEY: edge.key, FABLEFRAME_EDGE_URL: edge.url }
  const { stdout, stderr } = await promisify(execFile)(NODE, [join(folder, 'app.mjs')], { env })
  assert.deepEqual([stdout.trim(), stderr], [expected, ''])
})

test('workerd', async (t) => {
  const script = `import { Fableframe } from './sdk.mjs'
    export default { async fetch(request, env) {
      const client = new Fableframe(env)
      ${USE}
      return new Response(said)
    } }`
  const worker = new Miniflare({
    modules: [
      { type: 'ESModule', path: 'worker.mjs', contents: script },
      { type: 'ESModule', path: 'sdk.mjs', contents: sdk },
    ],
    compatibilityDate: '2026-01-01',
    bindings: { apiKey: edge.key, baseUrl: edge.url },
  })
  t.after(() => worker.dispose())
  assert.equal(await (await worker.dispatchFetch('http://worker.example')).text(), expected)
})

test('a page of another origin, with a client token', { skip: noBrowser }, async () => {
  const site = createServer((request, response) => {
    const isScript = request.url === '/sdk.mjs'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? sdk : '<!doctype html><title>An app</title>')
  })
  await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
  after(() => {
    site.closeAllConnections()
    site.close()
  })
  const origin = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
  const { token } = await client.clientTokens.create({ origins: [origin], max_stories: 1 })
  const page = await openPage()
  await page.goto(origin)
  await page.addScriptTag({
    type: 'module',
    content: `import { Fableframe } from './sdk.mjs'
      const client = new Fableframe(${JSON.stringify({ token, baseUrl: edge.url })})
      ${USE}
      document.title = said
      const { problem, limit } = await client.stories.create({ frames: [{ prompt: 'an owl' }] }).catch((error) => error)
      document.title += problem + ' ' + limit
      try { new Fableframe({ apiKey: 'ff_live_…', baseUrl: '${edge.url}' }) } catch { document.title += ' refused' }`,
  })
  await page.waitForFunction(() => document.title.includes('refused'))
  assert.equal(await page.title(), `${expected}token-limit stories refused`)
})

test('what a client token does not allow is an error of its kind', async () => {
  const { token } = await client.clientTokens.create({ origins: [], max_stories: 1, max_frames: 1 })
  const holder = new Fableframe({ token, baseUrl: edge.url })
  const tooMany = holder.stories.create({ frames: [{ prompt: 'a fox' }, { prompt: 'an owl' }] })
  await assert.rejects(tooMany, (error) => error instanceof TokenLimitError && error.limit === 'frames')
  await assert.rejects(holder.characters.list(), PermissionError)
  await assert.rejects(client.clientTokens.create({}), { name: 'ValidationError' })
})
