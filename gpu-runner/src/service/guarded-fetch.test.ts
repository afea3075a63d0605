import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type AddressInfo, isIP, type LookupFunction } from 'node:net'
import { after, test } from 'node:test'
import { guardedFetch, isPublicAddress, RefusedUrl, UnreachableUrl } from './guarded-fetch.ts'

const requests: string[] = []
const routes: Record<string, (request: IncomingMessage, response: ServerResponse) => void> = {
  '/picture': (_, response) => response.end('a picture'),
  '/missing': (_, response) => response.writeHead(404).end(),
  '/down': (_, response) => response.writeHead(503).end(),
  '/large': (_, response) => response.writeHead(200, { 'content-length': '11' }).end('x'.repeat(11)),
  '/endless': (_, response) => {
    const timer = setInterval(() => response.write('x'.repeat(8)), 1)
    response.on('close', () => clearInterval(timer))
  },
  '/silent': () => {},
  '/slow': (_, response) => response.writeHead(200).write('x'),
  '/moved': (_, response) => response.writeHead(302, { location: '/picture' }).end(),
  '/loop': (_, response) => response.writeHead(302, { location: '/loop' }).end(),
  '/inside': (_, response) => response.writeHead(302, { location: 'http://169.254.169.254/latest/meta-data' }).end(),
  '/file': (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
  '/cut': (_, response) => {
    response.writeHead(200, { 'content-length': '100' })
    response.write('x', () => response.destroy())
  },
}
const server = createServer((request, response) => {
  requests.push(request.url ?? '')
  routes[request.url ?? '']?.(request, response)
}).listen(0, '127.0.0.1')
after(() => {
  server.closeAllConnections()
  server.close()
})
await once(server, 'listening')
const { port } = server.address() as AddressInfo

/** Resolves every name to the same addresses. */
const resolvingTo =
  (...addresses: string[]): LookupFunction =>
  (_hostname, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: isIP(address) })),
    )
/** As if 127.0.0.1 were the address of a public host. */
const open = { allowHttp: true, isAllowed: (address: string) => address === '127.0.0.1' || isPublicAddress(address) }
const fetchPath = (path: string, options = {}) =>
  guardedFetch(`http://pictures.example:${port}${path}`, { ...open, lookup: resolvingTo('127.0.0.1'), ...options })
const refusedBy = (reason: RegExp) => (error: unknown) => error instanceof RefusedUrl && reason.test(error.message)
const unreachable = (reason: RegExp) => (error: unknown) =>
  error instanceof UnreachableUrl && reason.test(error.message)

test('every special-purpose range is refused, however an address is spelt', () => {
  const inside = `0.0.0.0 10.0.0.1 100.64.0.1 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 172.31.255.255
    192.0.0.1 192.0.2.1 192.168.0.1 198.18.0.1 198.51.100.1 203.0.113.1 224.0.0.1 240.0.0.1 255.255.255.255
    :: ::1 fc00::1 fd12::1 fe80::1 ff02::1 ::ffff:10.0.0.1 ::ffff:7f00:1 64:ff9b::a00:1 2002:a00:1:: 2001:db8::1
    ::ffff:0:127.0.0.1`
  for (const address of inside.split(/\s+/)) assert.equal(isPublicAddress(address), false, address)
  for (const address of ['::7f00:1', '::127.0.0.1', '::808:808', '168.63.129.16', '::ffff:168.63.129.16'])
    assert.equal(isPublicAddress(address), false, address)
  for (const address of ['8.8.8.8', '172.32.0.1', '2606:4700::1111', '::ffff:8.8.8.8'])
    assert.equal(isPublicAddress(address), true, address)
  for (const nothing of ['', 'localhost', '1.2.3']) assert.equal(isPublicAddress(nothing), false)
})

test('a picture comes whole, also by a redirect to a place that is allowed', async () => {
  for (const path of ['/picture', '/moved'])
    assert.equal(Buffer.from(await fetchPath(path)).toString(), 'a picture', path)
})

test('a public name that leads inside is not connected to, not even when only one of its addresses does', async () => {
  const before = requests.length
  for (const addresses of [['127.0.0.1'], ['10.0.0.1'], ['8.8.8.8', '127.0.0.1'], ['::ffff:127.0.0.1'], ['::1']]) {
    const options = { isAllowed: isPublicAddress, lookup: resolvingTo(...addresses) }
    await assert.rejects(
      fetchPath('/picture', options),
      refusedBy(/^[\w.:-]+ does not lead to a public address$/),
      addresses.join(),
    )
  }
  assert.equal(requests.length, before)
})

test('addresses in the URL are judged themselves, and only https is fetched', async () => {
  for (const host of [
    '127.0.0.1',
    '2130706433',
    '0x7f.1',
    '[::1]',
    '[::ffff:7f00:1]',
    '169.254.169.254',
    '017700000001',
  ])
    await assert.rejects(guardedFetch(`https://${host}/`), refusedBy(/not a public address/), host)
  await assert.rejects(guardedFetch('http://pictures.example/'), refusedBy(/https/))
  await assert.rejects(guardedFetch('file:///etc/passwd'), refusedBy(/https/))
  await assert.rejects(guardedFetch('https://me:secret@pictures.example/'), refusedBy(/user name/))
  await assert.rejects(guardedFetch('nonsense'), refusedBy(/not a URL/))
})

test('redirects are judged like the first URL, and end', async () => {
  await assert.rejects(fetchPath('/inside'), refusedBy(/169\.254\.169\.254 is not a public address/))
  await assert.rejects(fetchPath('/file'), refusedBy(/https/))
  await assert.rejects(fetchPath('/loop'), refusedBy(/more than 3 times/))
})

test('what is too large, too slow or not there is refused, and the connection closed', async () => {
  await assert.rejects(fetchPath('/large', { maxBytes: 10 }), refusedBy(/more than 10 bytes/))
  assert.equal((await fetchPath('/large', { maxBytes: 11 })).length, 11)
  await assert.rejects(fetchPath('/endless', { maxBytes: 100 }), refusedBy(/more than 100 bytes/))
  await assert.rejects(fetchPath('/missing'), refusedBy(/answered 404/))
  for (const path of ['/silent', '/slow'])
    await assert.rejects(fetchPath(path, { timeoutMs: 100 }), unreachable(/within 0\.1 s/), path)
  await assert.rejects(fetchPath('/down'), unreachable(/answered 503/))
  await assert.rejects(fetchPath('/cut'))
})

test('an abort ends it, with the reason of the abort', async () => {
  const abort = new AbortController()
  const fetching = fetchPath('/silent', { signal: abort.signal })
  setTimeout(() => abort.abort(new Error('the story was canceled')), 20)
  await assert.rejects(fetching, /the story was canceled/)
})
