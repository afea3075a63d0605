import assert from 'node:assert/strict'
import { test } from 'node:test'
import { gzipSync } from 'node:zlib'
import type { Problem } from '../../../contract/problem.ts'
import { signInLinks } from '../../../local/sign-in.ts'
import { testEdge } from '../../../test/worker.ts'
import { buildAssets } from '../../../web/build.ts'

const links = signInLinks('the key of the tests')
const { call, url } = await testEdge({}, { signIn: links.exchange })
const signIn = (body: unknown) =>
  call<{ key: string } & Problem>('POST', '/sign-in', {
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const tokenOf = (link: string) => new URLSearchParams(new URL(link).hash.slice(1)).get('sign-in')

test('the playground and all that it loads come from here, under a policy that allows nothing else', async () => {
  const page = await call<string>('GET', '/')
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
  assert.doesNotMatch(page.headers.get('content-security-policy') ?? '', /unsafe|https?:|\*/)
  assert.match(page.headers.get('content-security-policy') ?? '', /default-src 'none'.*frame-ancestors 'none'/)
  const loaded = [...page.body.matchAll(/(?:src|href)="(\/playground\/[^"]+)"/g)].map(([, path]) => path!)
  assert.ok(loaded.length >= 4, loaded.join(' '))
  for (const path of loaded) {
    const { status, headers } = await call('GET', path)
    assert.equal(status, 200, path)
    const again = await call('GET', path, { headers: { 'if-none-match': headers.get('etag') ?? '' } })
    assert.equal(again.status, 304, path)
  }
})

test('nothing else is served there', async () => {
  for (const path of ['/playground/swagger-ui.css', '/playground/playground.html', '/playground/..%2fpackage.json'])
    assert.equal((await call('GET', path)).status, 404, path)
  assert.equal((await call('POST', '/')).status, 405)
})

test('all that the page loads has at most 60 kB gzipped', async () => {
  const files = [...(await buildAssets())].filter(([name]) => !/^(swagger|embed|element)/.test(name))
  const bytes = files.map(([, contents]) => gzipSync(contents, { level: 9 }).length)
  const total = bytes.reduce((sum, size) => sum + size, 0)
  assert.ok(total <= 60_000, `${total} bytes: ${files.map(([name], i) => `${name} ${bytes[i]}`).join(', ')}`)
})

test('a sign-in link is exchanged for the key once; its answer is kept nowhere', async () => {
  const link = links.link(url, 'ufawqhfynnddngldkgtslldrkq')
  assert.match(link, /^http:\/\/127\.0\.0\.1:\d+\/#sign-in=[\w-]{32}&story=ufawqhfynnddngldkgtslldrkq$/)
  const token = tokenOf(link)
  const first = await signIn({ token })
  assert.deepEqual([first.status, first.body.key], [200, 'the key of the tests'])
  assert.equal(first.headers.get('cache-control'), 'no-store')
  const again = await signIn({ token })
  assert.equal(again.status, 401)
  assert.match(again.body.detail, /used before/)
  assert.equal((await signIn({ token: tokenOf(links.link(url)) })).status, 200)
})

test('what is no token is refused, with what would be right', async () => {
  for (const body of [{}, { token: 1 }, { token: 'x'.repeat(300) }, [], 'no JSON']) {
    const { status, body: problem } = await signIn(body)
    assert.equal(status, 422, JSON.stringify(body))
    assert.equal(problem.errors?.[0]?.pointer, '/token')
  }
  assert.equal((await signIn('x'.repeat(2000))).status, 413)
})
