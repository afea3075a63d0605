/** The recipes of the README, as they stand, with the edge and a runner. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { mock, test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { Webhook } from 'standardwebhooks'
import { dataFolder } from '../../test/data-folder.ts'
import { plainPng } from '../../test/png.ts'
import { startRunner } from '../../test/runner.ts'
import { testEdge } from '../../test/worker.ts'
import { Fableframe } from './index.ts'

const readme = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8')
const block = /^##+ (?:\d+\. )?([^\n]*)\n\n```ts\n(.*?)^```$/gms
const recipes = [...readme.matchAll(block)].map(([, title = '', code = '']) => ({
  title,
  code: code
    .replace("'fableframe'", JSON.stringify(pathToFileURL(join(import.meta.dirname, 'index.ts'))))
    .replace("'fableframe/ai-sdk'", JSON.stringify(pathToFileURL(join(import.meta.dirname, 'ai-sdk.ts'))))
    .replace("'ai'", JSON.stringify(import.meta.resolve('ai'))),
}))

/** What each prints. */
const expected: Record<string, RegExp> = {
  'Generate a story, and save its pictures': /^0\.png: Fern wakes up\n1\.png: Fern reads in the forest$/,
  'Show how far it is': /^(queued|running).*succeeded 100 % $/s,
  'Take each picture as soon as it is there':
    /^a fox wakes up http\S+\/0\.png\S+\na fox sets out http\S+\/1\.png\S+\nsucceeded$/,
  'Keep a character, with pictures of it': /^succeeded$/,
  'Continue a story': /^2 1$/,
  'Redraw a frame': /^an owl in the snow 2$/,
  'Go through all stories': /^deleted \d{4}-\S+Z$/,
  'Receive webhooks': /^$/,
  'Let a page create stories': /^succeeded$/,
  'Know what went wrong': /^\/frames\/0\/prompt must not be blank\n\/width a multiple of 8$/,
  'AI SDK': /^3$/,
}

test('every recipe does what it says', async (t) => {
  const edge = await testEdge()
  await startRunner(t, edge.url, { stepMs: 1 })
  const { path: folder } = await dataFolder(t)
  await writeFile(join(folder, 'fern.png'), await plainPng(1))
  Object.assign(process.env, { FABLEFRAME_API_KEY: edge.key, FABLEFRAME_EDGE_URL: edge.url })
  process.chdir(folder)
  const secret = await new Fableframe().webhooks.secret()
  process.env.FABLEFRAME_WEBHOOK_SECRET = secret
  assert.deepEqual(
    recipes.map(({ title }) => title),
    Object.keys(expected),
  )
  for (const { title, code } of recipes)
    await t.test(title, async () => {
      const file = join(folder, `${recipes.findIndex((one) => one.title === title)}.ts`)
      await writeFile(file, code)
      const said = mock.method(console, 'log', () => {})
      const module = await import(pathToFileURL(file).href)
      const printed = said.mock.calls.map((call) => (call.arguments as unknown[]).join(' ')).join('\n')
      said.mock.restore()
      assert.match(printed, expected[title]!)
      if (title === 'Receive webhooks') await receives(module.POST, secret)
    })
  assert.deepEqual(
    (await readdir(folder)).filter((name) => name.endsWith('.png')),
    ['0.png', '1.png', 'fern.png'],
  )
})

async function receives(POST: (request: Request) => Promise<Response>, secret: string): Promise<void> {
  const body = JSON.stringify({ type: 'story.completed', data: { id: 'one' } })
  const now = new Date()
  const headers = {
    'webhook-id': 'msg_1',
    'webhook-timestamp': String(Math.floor(now.getTime() / 1000)),
    'webhook-signature': new Webhook(secret).sign('msg_1', now, body),
  }
  const post = async (body: string) =>
    (await POST(new Request('https://app.example', { method: 'POST', headers, body }))).status
  const said = mock.method(console, 'log', () => {})
  assert.deepEqual([await post(body), await post(`${body} `)], [204, 400])
  assert.deepEqual(
    said.mock.calls.map((call) => call.arguments),
    [['story.completed', 'one']],
  )
  said.mock.restore()
}
