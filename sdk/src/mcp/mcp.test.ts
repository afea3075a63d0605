/** `fableframe mcp` with the client of the MCP SDK, over stdio. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js'
import { CallToolResultSchema } from '@modelcontextprotocol/sdk/types.js'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge({ MODELS: 'story-mini,slow' })
startDrawing(edge, 'story-mini', 5)
const cli = join(import.meta.dirname, '../cli.ts')
const { PATH = '' } = process.env
const env = { PATH, FABLEFRAME_API_KEY: edge.key, FABLEFRAME_EDGE_URL: edge.url }

const client = new Client({ name: 'tests', version: '1' })
await client.connect(new StdioClientTransport({ command: process.execPath, args: [cli, 'mcp'], env }))
after(() => client.close())

const fox = { id: 'fox', name: 'Fern', description: 'an orange fox' }
const frames = [{ prompt: 'Fern wakes up' }, { prompt: 'Fern sets out' }]
const call = async (name: string, given: Record<string, unknown>, ...more: [object?]) => {
  const answer = await client.callTool({ name, arguments: given }, CallToolResultSchema, more[0])
  const { content, isError } = CallToolResultSchema.parse(answer)
  const texts = content.flatMap((one) => (one.type === 'text' ? [one.text] : []))
  const pictures = content.flatMap((one) => (one.type === 'image' ? [Buffer.from(one.data, 'base64')] : []))
  return { texts, pictures, isError, id: /^Story (\w+)/.exec(texts[0] ?? '')?.[1] ?? '' }
}

test('it says what it is, and which tools it has', async () => {
  assert.deepEqual(client.getServerVersion()?.name, 'fableframe')
  await client.ping()
  const { tools } = await client.listTools()
  assert.deepEqual(
    tools.map(({ name, inputSchema }) => [name, inputSchema.required]),
    [
      ['create_story', ['frames']],
      ['get_story', ['story_id']],
      ['redraw_frame', ['story_id', 'frame']],
    ],
  )
})

test('create_story answers the pictures, get_story again, redraw_frame the new one', async () => {
  const progress: number[] = []
  const made = await call(
    'create_story',
    { frames: [{ prompt: 'a fox' }, { prompt: 'an owl' }] },
    {
      onprogress: ({ progress: done }: { progress: number }) => progress.push(done),
    },
  )
  assert.match(made.texts[0]!, /^Story \w{26} succeeded$/)
  assert.match(made.texts[2]!, /^Frame 1: an owl\nhttp/)
  assert.deepEqual(made.pictures, [await plainPng(0), await plainPng(1)])
  assert.ok(progress.length > 0)
  assert.deepEqual(progress, progress.toSorted())
  const read = await call('get_story', { story_id: made.id })
  assert.deepEqual(read, made)
  const redrawn = await call('redraw_frame', { story_id: made.id, frame: 1, prompt: 'an owl sleeps' })
  assert.match(redrawn.texts[1]!, /^Frame 1: an owl sleeps\n.*1-1\.png/)
  assert.equal(redrawn.pictures.length, 1)
})

test('a story that takes longer is answered as it is', async () => {
  const made = await call('create_story', { characters: [fox], frames, wait: 0 })
  assert.match(made.texts[0]!, /queued|running.*Call get_story/)
  const { texts } = await call('get_story', { story_id: made.id })
  assert.match(texts[0]!, /succeeded$/)
})

test('mistakes are answered so that a model can put them right', async () => {
  const wrong = async (name: string, given: Record<string, unknown>) => {
    const { isError, texts } = await call(name, given)
    assert.equal(isError, true)
    return texts.join()
  }
  assert.equal(await wrong('create_story', { frames: [{ prompt: '' }] }), '/frames/0/prompt: must not be blank')
  assert.match(await wrong('get_story', { story_id: 'a'.repeat(26) }), /^no story a+ under this API key/)
  assert.equal(await wrong('get_story', {}), 'story_id: the id of a story')
  assert.equal(await wrong('redraw_frame', { story_id: 'a'.repeat(26) }), 'frame: a whole number; the first is 0')
  assert.equal(await wrong('get_story', { story_id: 'a'.repeat(26), wait: 1e9 }), 'wait: 0 to 600 seconds')
  await assert.rejects(client.callTool({ name: 'erase' }), /no tool is called erase/)
  await assert.rejects(client.request({ method: 'resources/list' }, CallToolResultSchema), /no method resources\/list/)
})

test('a call that is taken back ends, and the server goes on', async () => {
  const stop = new AbortController()
  const { id } = await edge.post({ frames, model: 'slow' })
  const waiting = client.callTool({ name: 'get_story', arguments: { story_id: id } }, CallToolResultSchema, {
    signal: stop.signal,
  })
  setTimeout(() => stop.abort('enough'), 50)
  await assert.rejects(waiting, /enough/)
  await client.ping()
})

test('lines that are no calls are refused, and the end of the input is the end', async () => {
  const server = spawn(process.execPath, [cli, 'mcp'], { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const answers: unknown[] = []
  createInterface({ input: server.stdout }).on('line', (line) => answers.push(JSON.parse(line)))
  server.stdin.end(
    '{\n[]\n{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}\n\n{"jsonrpc":"2.0","id":2,"method":"ping"}\n',
  )
  assert.deepEqual(await once(server, 'exit'), [0, null])
  const codes = answers.map((answer) => (answer as { error?: { code: number } }).error?.code)
  assert.deepEqual(codes, [-32700, -32600, -32600, undefined])
})

test('the command helps, and says what is missing', async () => {
  const run = (...args: string[]) => promisify(execFile)(process.execPath, [cli, ...args], { env: { PATH } })
  assert.match((await run('--help')).stdout, /Usage: fableframe mcp/)
  assert.match((await run('--version')).stdout, /^\d+\.\d+\.\d+\n$/)
  await assert.rejects(run('mpc'), { code: 2, stderr: 'fableframe: unknown: mpc; try fableframe --help\n' })
  await assert.rejects(run('mcp'), {
    code: 2,
    stderr: 'fableframe mcp: give apiKey or token, or set FABLEFRAME_API_KEY\n',
  })
})
