/** Following a story over connections that break, and past proxies that hold streams back. */
import assert from 'node:assert/strict'
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { Claim } from '../../contract/runner.ts'
import { plainPng } from '../../test/png.ts'
import { testEdge } from '../../test/worker.ts'
import { readEventStream } from './event-stream.ts'
import { type FollowTimes, versionsOf } from './follow.ts'
import { Http } from './http.ts'
import { NotFoundError, type Story } from './index.ts'
import { sourceOf } from './stories.ts'

const edge = await testEdge()
const { url, key, claim, report, held, post } = edge
const times: Partial<FollowTimes> = { firstMs: 300, quietMs: 20_000, retryMs: 10, random: () => 0 }

/** A proxy in front of the edge; `spoil` may break the answer to the n-th stream (from 0). */
async function proxy(spoil: (upstream: IncomingMessage, answer: ServerResponse, n: number) => void) {
  const asked: { path: string; lastEventId: string | undefined }[] = []
  let streams = 0
  const server = createServer((incoming, answer) => {
    const path = incoming.url ?? ''
    asked.push({ path, lastEventId: incoming.headers['last-event-id'] as string | undefined })
    const forwarded = request(new URL(path, url), { headers: incoming.headers }, (upstream) => {
      if (path.includes('/events')) return spoil(upstream, answer, streams++)
      answer.writeHead(upstream.statusCode!, upstream.headers)
      upstream.pipe(answer)
    })
    answer.on('close', () => forwarded.destroy())
    forwarded.on('error', () => {})
    forwarded.end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  after(() => {
    server.closeAllConnections()
    server.close()
  })
  const http = new Http({
    baseUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    ...{ bearer: key, fetch, timeout: 60_000, maxRetries: 0 },
  })
  const source = (id: string) => sourceOf(http, id)
  return { source, asked }
}
const passOn = (upstream: IncomingMessage, answer: ServerResponse) => {
  answer.writeHead(upstream.statusCode!, upstream.headers)
  upstream.pipe(answer)
}

/** A story with one frame; `go` takes it one version further. */
async function steps() {
  const { id } = await post({ frames: [{ prompt: 'a fox' }] })
  const lease: Claim = (await claim())!
  let step = 0
  const go = async () => {
    step++
    if (step === 1) await report(lease, 1, 'story.started')
    else if (step === 2) await held(lease, 'PUT', 'frames/0', await plainPng(1))
    else await report(lease, 2, 'story.completed')
  }
  return { id, go }
}

test('a stream that breaks off after each event is taken up where it was', async () => {
  const { source, asked } = await proxy((upstream, answer, n) => {
    passOn(upstream, answer)
    if (n < 2)
      upstream.on('data', (chunk: Buffer) => {
        // The event has come whole.
        if (chunk.includes('\n\n') && chunk.includes('id:')) setImmediate(() => answer.destroy())
      })
  })
  const { id, go } = await steps()
  const versions: number[] = []
  // A stream that a busy machine opens late is waited for, and not left for polling.
  for await (const { version, status } of versionsOf(source(id), undefined, { ...times, firstMs: 20_000 })) {
    versions.push(version)
    if (status !== 'succeeded') await go()
  }
  assert.deepEqual(versions, [...new Set(versions)])
  assert.ok(versions.length >= 4)
  const again = asked.map(({ lastEventId }) => lastEventId)
  assert.equal(again[0], undefined)
  assert.ok(again.length >= 3 && again.slice(1).every((id) => Number(id) >= 1), `${again}`)
})

test('behind a proxy that holds streams back, the story is polled', async () => {
  const { source, asked } = await proxy(() => {})
  const { id, go } = await steps()
  let last: Story | undefined
  for await (const story of versionsOf(source(id), undefined, times)) {
    last = story
    if (story.status !== 'succeeded') await go()
  }
  assert.equal(last?.frames[0]?.status, 'succeeded')
  assert.equal(asked.filter(({ path }) => path.includes('/events')).length, 1)
  assert.match(asked.at(-1)!.path, /\?wait=20&since_version=\d+$/)
})

test('so it is where something else answers in place of the stream', async () => {
  const { source } = await proxy((_, answer) =>
    answer.writeHead(200, { 'content-type': 'text/html' }).end('<p>sign in'),
  )
  const { id, go } = await steps()
  for (let i = 0; i < 3; i++) await go()
  const seen: string[] = []
  for await (const { status } of versionsOf(source(id), undefined, times)) seen.push(status)
  assert.deepEqual(seen, ['succeeded'])
})

test('a story that is not there ends it, and so does a stream that fails for good', async () => {
  const { source } = await proxy(passOn)
  await assert.rejects(versionsOf(source('a'.repeat(26)), undefined, times).next(), NotFoundError)
  let tries = 0
  const broken = {
    stream: async () => {
      tries++
      throw new TypeError('no network')
    },
  }
  await assert.rejects(versionsOf(broken, undefined, { ...times, retryMs: 1 }).next(), {
    name: 'ConnectionError',
    message: /no network/,
  })
  assert.equal(tries, 6)
})

test('leaving the loop, or aborting, closes the connection', async () => {
  let closed = 0
  const { source } = await proxy((upstream, answer) => {
    answer.on('close', () => closed++)
    passOn(upstream, answer)
  })
  const { id } = await post({ frames: [{ prompt: 'a fox' }] })
  for await (const _ of versionsOf(source(id), undefined, times)) break
  const stop = new AbortController()
  const following = versionsOf(source(id), stop.signal, times)
  await following.next()
  const next = following.next()
  stop.abort(new Error('left the page'))
  await assert.rejects(next, { message: 'left the page' })
  while (closed < 2) await new Promise((resolve) => setTimeout(resolve, 5))
})

test('an event stream is read as the standard says, however it is cut into pieces', async () => {
  const text =
    '\ufeff: hello\r\nretry: 250\r\nid: 7\rdata: one\ndata:two\n\nevent: story\ndata: {"a":"é"}\n\nid: 8\n\ndata: lost'
  const bytes = new TextEncoder().encode(text)
  const read = async (size: number) => {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.subarray(at, at + size))
        controller.close()
      },
    })
    return Array.fromAsync(readEventStream(body))
  }
  for (const size of [1, 2, 3, 7, 1000])
    assert.deepEqual(await read(size), [
      'comment',
      { retryMs: 250 },
      { event: 'message', data: 'one\ntwo', id: '7' },
      { event: 'story', data: '{"a":"é"}', id: '7' },
    ])
})
