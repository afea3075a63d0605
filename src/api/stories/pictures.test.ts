import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'
import { signUrl } from '../../platform/signed-url.ts'

const URL_SECRET = 'what signs the links in these tests'
const settings = { URL_SECRET: [URL_SECRET] as [string] }
const { url, key, app, wrong, post, read, claim, held } = await testEdge({ URL_SECRET })
const authorization = `Bearer ${key}`
const frames = [{ prompt: 'one' }]

test('pictures come byte for byte, frames may be kept for good, and nothing is sent twice', async () => {
  const { id } = await post({ frames })
  for (const path of ['frames/0.png', 'storyboard.png'])
    assert.match((await wrong('GET', `/stories/${id}/${path}`)).detail, /\(yet\)/)
  const lease = (await claim())!
  const png = await plainPng(7)
  await held(lease, 'PUT', 'frames/0', png)
  await held(lease, 'PUT', 'storyboard', png)
  for (const path of ['frames/0.png', 'storyboard.png']) {
    const response = await fetch(`${url}/stories/${id}/${path}`, { headers: { authorization } })
    assert.deepEqual(Buffer.from(await response.arrayBuffer()), png)
    assert.equal(response.headers.get('content-type'), 'image/png')
    // The page of a story that goes on becomes another one under the same name.
    const caching = path === 'storyboard.png' ? /^private, no-cache$/ : /private.*immutable/
    assert.match(response.headers.get('cache-control') ?? '', caching)
    const again = { authorization, 'if-none-match': response.headers.get('etag')! }
    assert.equal((await fetch(`${url}/stories/${id}/${path}`, { headers: again })).status, 304)
    const link = signUrl(`${url}/stories/${id}/${path}`, Date.now() + 60_000, settings)
    assert.deepEqual(Buffer.from(await (await fetch(link)).arrayBuffer()), png)
    for (const spoilt of [`${link}A`, link.replace(id, 'a'.repeat(26)), signUrl(link, 0, settings)])
      assert.equal((await fetch(spoilt)).status, 401, spoilt)
  }
  const { frames: drawn, urls } = await read(id)
  for (const link of [drawn[0]?.url, urls.storyboard])
    assert.deepEqual(Buffer.from(await (await fetch(link!)).arrayBuffer()), png, 'the links of a view need no key')
  for (const file of ['1.png', '0.jpg', '0', '..%2F0.png', '99999.png'])
    assert.equal((await wrong('GET', `/stories/${id}/frames/${file}`)).status, 404, file)
  await held(lease, 'POST', 'release')
  await app('POST', `/stories/${id}/cancel`)
})
