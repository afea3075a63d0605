import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import { gather as gatherAll } from './inputs.ts'
import { BadStory, PictureUnavailable } from './queue/attempt.ts'

const answers: Record<string, number> = { '/missing': 404, '/down': 503 }
const seen: string[] = []
const server = createServer(({ url = '' }, response) => {
  seen.push(url)
  if (url !== '/silent') response.writeHead(answers[url] ?? 200).end(`bytes of ${url}`)
}).listen(0, '127.0.0.1')
after(() => {
  server.closeAllConnections()
  server.close()
})
await once(server, 'listening')
const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const guard = { allowHttp: true, isAllowed: (address: string) => address === '127.0.0.1', timeoutMs: 200 }
const hash = 'a'.repeat(64)
const signal = new AbortController().signal

const gather = (references: string[][], options: Partial<Parameters<typeof gatherAll>[1]> = {}) =>
  gatherAll(
    {
      characters: references.map((references, i) => ({ id: `c${i}`, name: `C${i}`, description: 'x', references })),
      anchors: [],
      bank: null,
    },
    { signal, guard, readStored: async (hash) => new TextEncoder().encode(hash), ...options },
  )

test('each picture is fetched once, from where it is; data URIs are there already', async () => {
  const pictures = await gather([
    [`${at}/a`, 'data:image/png;base64,AAAA'],
    [`sha256:${hash}`, `${at}/a`],
  ])
  const text = Object.entries(pictures).map(([source, bytes]) => [source, new TextDecoder().decode(bytes)])
  assert.deepEqual(Object.fromEntries(text), { [`${at}/a`]: 'bytes of /a', [`sha256:${hash}`]: hash })
  assert.deepEqual(seen, ['/a'])
  assert.deepEqual(await gather([]), {})
})

test('pictures of anchors and a bank are gathered with them, and named by their places', async () => {
  const options = { signal, guard, readStored: async (hash: string) => new TextEncoder().encode(hash) }
  const named = (bank: string, picture: string) =>
    gatherAll({ characters: [], anchors: [{ character: 'fox' }, { character: 'fox', picture }], bank }, options)
  assert.deepEqual(Object.keys(await named(`sha256:${hash}`, `${at}/b`)).sort(), [`${at}/b`, `sha256:${hash}`])
  await assert.rejects(named(`${at}/missing`, `${at}/b`), /^BadStory: \/bank: .*answered 404/)
  await assert.rejects(named(`sha256:${hash}`, `${at}/missing`), /^BadStory: \/anchors\/1\/picture: /)
})

test('what will not be fetched is the fault of the story, what failed this once is not', async () => {
  const cases: [string, typeof BadStory | typeof PictureUnavailable, RegExp][] = [
    [`${at}/missing`, BadStory, /answered 404/],
    ['http://127.0.0.2:9/', BadStory, /not a public address/],
    [`${at}/down`, PictureUnavailable, /answered 503/],
    [`${at}/silent`, PictureUnavailable, /did not answer within/],
    ['http://127.0.0.1:9/', PictureUnavailable, /ECONNREFUSED/],
  ]
  for (const [source, type, message] of cases)
    await assert.rejects(gather([[], [`${at}/a`, source]]), (error) => {
      assert.ok(error instanceof type, `${source}: ${error}`)
      assert.match(error.message, message)
      assert.match(error.message, /^\/characters\/1\/references\/1: /)
      return true
    })
})

test('an abort ends it with its reason, and the edge says why it has no picture', async () => {
  const abort = new AbortController()
  const gathering = gather([[`${at}/silent`]], { signal: abort.signal })
  abort.abort(new Error('the story was canceled'))
  await assert.rejects(gathering, /the story was canceled/)
  const readStored = async () => {
    throw new Error('404 Not found')
  }
  await assert.rejects(gather([[`sha256:${hash}`]], { readStored }), /404/)
})
