/** Requests that are meant to hurt, or that nobody meant: each is answered soon, briefly and truly. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Problem } from '../../../contract/problem.ts'
import { testEdge } from '../../../test/worker.ts'

const { key, url, app, call, wrong, bindings } = await testEdge()
const authorization = `Bearer ${key}`
const story = { frames: [{ prompt: 'one' }] }

test('80 000 unknown fields are answered with 50 errors, and a long name is cut', async () => {
  const many = Object.fromEntries(Array.from({ length: 80_000 }, (_, i) => [`f${i}`, 0]))
  const answer = await wrong('POST', '/stories', { ...story, ...many })
  assert.deepEqual([answer.status, answer.errors?.length], [422, 50])
  assert.match(answer.detail, /and 79999 more/)
  const long = await wrong('POST', '/stories', { ...story, ['x'.repeat(500_000)]: 1 })
  assert.equal(long.status, 422)
  assert.ok(JSON.stringify(long).length < 2000)
})

test('a name that JavaScript would lose is refused, wherever it is', async () => {
  const bodies: [string, string, string][] = [
    ['/stories', '{"frames":[{"prompt":"x"}],"metadata":{"a":1,"__proto__":"lost"}}', '/metadata/__proto__'],
    ['/stories', '{"frames":[{"prompt":"x"}],"\\u005f_proto__":1}', '/__proto__'],
    ['/v1/predictions', '{"version":"fableframe/story-mini","input":{"__proto__":1}}', '/input/__proto__'],
  ]
  for (const [path, body, pointer] of bodies) {
    const { status, errors } = await wrong('POST', path, body)
    assert.deepEqual([status, errors?.[0]?.pointer], [422, pointer])
  }
})

test('deeply nested JSON is refused by its depth, in a body and in a bank', async () => {
  const depth = 200_000
  const nested = (open: string, close: string) => open.repeat(depth) + close.repeat(depth)
  for (const value of [nested('[', ']'), `${'{"a":'.repeat(depth / 5)}1${'}'.repeat(depth / 5)}`]) {
    const body = await wrong('POST', '/stories', `{"frames":[{"prompt":"x"}],"metadata":{"a":${value}}}`)
    assert.deepEqual([body.status, body.errors?.[0]?.message], [422, 'nested more than 32 levels deep'])
    for (const header of [`{"__metadata__":{"bank":${value}}}`, JSON.stringify({ __metadata__: { bank: value } })]) {
      const bytes = Buffer.concat([Buffer.alloc(8), Buffer.from(header)])
      bytes.writeBigUInt64LE(BigInt(header.length))
      const bank = await wrong('POST', '/stories', { ...story, bank: { data: bytes.toString('base64') } })
      assert.deepEqual([bank.status, bank.errors?.[0]?.pointer], [422, '/bank/data'])
      assert.match(bank.errors?.[0]?.message ?? '', /nested more than 32 levels deep/)
    }
  }
})

test('a refused request is answered although its body never comes', async () => {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  const head = ['POST /nowhere HTTP/1.1', `host: ${hostname}:${port}`, 'content-length: 100000', '', '{']
  socket.write(head.join('\r\n'))
  const [first] = await new Promise<Buffer[]>((resolve) => socket.once('data', (data: Buffer) => resolve([data])))
  socket.destroy()
  assert.match(String(first), /^HTTP\/1\.1 404/)
})

test('a content type with control characters is refused, and one that is stored does no harm', async () => {
  const upload = async (type: string) => {
    const form = new FormData()
    form.set('content', new Blob(['text']), 'a.txt')
    form.set('type', type)
    return call<{ id: string } & Problem>('POST', '/v1/files', { headers: { authorization }, body: form })
  }
  for (const type of ['text/plain; a=\0', 'text/plain;\u{1f600}', 'text/plain; a=\x7f']) {
    const { status, body } = await upload(type)
    assert.deepEqual([status, body.errors?.[0]?.pointer], [422, '/type'])
  }
  const { body } = await upload('text/plain; charset=utf-8')
  await bindings.DB.prepare('UPDATE files SET content_type = ? WHERE id = ?').bind('text/plain; a=\0', body.id).run()
  const read = await call('GET', `/v1/files/${body.id}/download`, { headers: { authorization } })
  assert.deepEqual([read.status, read.headers.get('content-type')], [200, 'application/octet-stream'])
})

test('nothing is sniffed, and what holds a secret is not stored', async () => {
  for (const path of ['/stories', '/keys', '/healthz', '/nowhere', '/openapi.json'])
    assert.equal((await app('GET', path)).headers.get('x-content-type-options'), 'nosniff', path)
  const made = await app<{ id: string }>('POST', '/keys', { name: 'x' })
  const answers = [
    made,
    await app('POST', `/keys/${made.body.id}/rotate`, {}),
    await app('GET', '/keys'),
    await app('GET', '/webhooks/secret'),
    await app('POST', '/webhooks/secret/rotate', {}),
    await app('GET', '/v1/webhooks/default/secret'),
  ]
  for (const { status, headers } of answers) {
    assert.ok(status < 300)
    assert.equal(headers.get('cache-control'), 'no-store')
  }
})

test('links do not begin with a host that only the request names', async () => {
  const { hostname, port } = new URL(url)
  const ask = async (host: string, path: string, body?: object) => {
    const headers = { host, authorization, 'content-type': 'application/json' }
    const sent = request({ hostname, port, path, method: body ? 'POST' : 'GET', headers })
    sent.end(body && JSON.stringify(body))
    const [answer] = (await once(sent, 'response')) as [IncomingMessage]
    return { status: answer.statusCode, text: await text(answer) }
  }
  const refused = await ask('evil.example', '/stories', story)
  assert.equal(refused.status, 503)
  assert.match(refused.text, /PUBLIC_URL/)
  assert.ok(!refused.text.includes('evil.example'))
  for (const host of [`localhost:${port}`, `127.0.0.1:${port}`, `[::1]:${port}`])
    assert.equal((await ask(host, '/stories', story)).status, 202, host)
  assert.equal((await ask('evil.example', '/healthz')).status, 200)
})

test('a body that is compressed, or not UTF-8, is refused as what it is', async () => {
  const headers = { authorization, 'content-type': 'application/json' }
  const send = (body: Uint8Array<ArrayBuffer>, more: object = {}) =>
    call<Problem>('POST', '/stories', { headers: { ...headers, ...more }, body })
  const gzip = new Uint8Array(gzipSync(JSON.stringify(story)))
  const compressed = await send(gzip, { 'content-encoding': 'gzip' })
  assert.deepEqual([compressed.status, compressed.headers.get('accept-encoding')], [415, 'identity'])
  assert.match(compressed.body.detail, /not with gzip/)
  const latin1 = new Uint8Array(Buffer.from('{"frames":[{"prompt":"caf\xe9"}]}', 'latin1'))
  const broken = await send(latin1)
  assert.deepEqual([broken.status, broken.body.detail], [400, 'the body is not UTF-8'])
  assert.equal(
    (await send(new TextEncoder().encode(JSON.stringify(story)), { 'content-encoding': 'identity' })).status,
    202,
  )
  for (const [body, detail] of [
    ['null', 'the body: expected an object, not null'],
    ['[]', 'the body: expected an object, not a list'],
  ] as const)
    assert.equal((await wrong('POST', '/stories', body)).detail, detail)
})
