import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testEdge } from '../../../test/worker.ts'

const { call } = await testEdge()

test('the reference and all that it loads come from here, under a policy that allows nothing else', async () => {
  const page = await call<string>('GET', '/docs')
  assert.equal(page.status, 200)
  assert.match(page.headers.get('content-type') ?? '', /^text\/html/)
  const loaded = [...page.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, url]) => url!)
  const types = new Map<string, string | null>()
  for (const url of loaded.filter((url) => url !== 'data:,')) {
    assert.match(url, /^\/[^/]/)
    const { status, headers, body } = await call<unknown>('GET', url)
    assert.equal(status, 200, url)
    assert.ok(JSON.stringify(body).length > 100, url)
    types.set(url, headers.get('content-type'))
  }
  assert.equal(types.get('/docs/swagger-ui.css'), 'text/css; charset=utf-8')
  assert.equal(types.get('/docs/swagger-ui-bundle.js'), 'text/javascript; charset=utf-8')
  const policy = page.headers.get('content-security-policy') ?? ''
  assert.match(policy, /default-src 'none'/)
  assert.doesNotMatch(policy, /unsafe|https?:|\*/)
  assert.doesNotMatch(page.body, /<script>|<style|\son\w+=|\sstyle=/)
})

test('nothing else of the package is served', async () => {
  for (const path of [
    '/docs/package.json',
    '/docs/index.html',
    '/docs/..%2fpackage.json',
    '/swagger-ui-bundle.js',
    '/playground/swagger-ui-bundle.js',
    '/playground/playground.html',
  ]) {
    const { status, headers } = await call('GET', path)
    assert.equal(status, 404, path)
    assert.match(headers.get('content-type') ?? '', /problem\+json/)
  }
  assert.equal((await call('POST', '/docs')).status, 405)
})

test('the documents have a tag, and are not sent again to who has them', async () => {
  for (const path of ['/openapi.json', '/openapi-runner.json']) {
    const first = await call<{ openapi: string }>('GET', path)
    assert.deepEqual([first.status, first.body.openapi], [200, '3.1.0'])
    const etag = first.headers.get('etag') ?? ''
    assert.match(etag, /^"[0-9a-f]{64}"$/)
    assert.equal((await call('GET', path, { headers: { 'if-none-match': `W/${etag}` } })).status, 304)
    assert.equal((await call('GET', path)).headers.get('etag'), etag)
  }
})
