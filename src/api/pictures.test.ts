import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Story } from '../../contract/story.ts'
import { plainPng } from '../../test/png.ts'
import { RUNNER_WEBHOOK_SECRET, testEdge } from '../../test/worker.ts'
import { signUrl } from './signed-url.ts'

const settings = { URL_SECRET: 'what signs the links in these tests', RUNNER_WEBHOOK_SECRET }
const { url, key, app, wrong, post, claim, held, report } = await testEdge(settings)
const authorization = `Bearer ${key}`
const frames = [{ prompt: 'one' }]

/** The events of a stream, as `[id, story]`. */
async function* events(response: Response): AsyncGenerator<[string, Story]> {
  let text = ''
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    text += chunk
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      const fields = Object.fromEntries(
        text
          .slice(0, end)
          .split('\n')
          .map((line) => line.split(/: (.*)/s).slice(0, 2)),
      )
      text = text.slice(end + 2)
      if (fields.event === 'story') yield [fields.id, Story.parse(JSON.parse(fields.data))]
    }
  }
}

test('pictures come byte for byte, may be kept for good, and are not sent twice', async () => {
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
    assert.match(response.headers.get('cache-control') ?? '', /private.*immutable/)
    const again = { authorization, 'if-none-match': response.headers.get('etag')! }
    assert.equal((await fetch(`${url}/stories/${id}/${path}`, { headers: again })).status, 304)
    const link = signUrl(`${url}/stories/${id}/${path}`, Date.now() + 60_000, settings)
    assert.deepEqual(Buffer.from(await (await fetch(link)).arrayBuffer()), png)
    for (const spoilt of [`${link}A`, link.replace(id, 'a'.repeat(26)), signUrl(link, 0, settings)])
      assert.equal((await fetch(spoilt)).status, 401, spoilt)
  }
  for (const file of ['1.png', '0.jpg', '0', '..%2F0.png', '99999.png'])
    assert.equal((await wrong('GET', `/stories/${id}/frames/${file}`)).status, 404, file)
  await held(lease, 'POST', 'release')
  await app('POST', `/stories/${id}/cancel`)
})

test('a story can be followed to its end, and the stream ends with it', async () => {
  const { id, urls } = await post({ frames })
  const response = await fetch(urls.events, { headers: { authorization } })
  assert.match(response.headers.get('content-type') ?? '', /^text\/event-stream/)
  const stream = events(response)
  const next = async () => (await stream.next()).value?.[1]
  assert.equal((await next())?.status, 'queued')
  const lease = (await claim())!
  assert.equal((await next())?.status, 'running')
  await held(lease, 'PUT', 'frames/0', await plainPng(1))
  assert.equal((await next())?.frames[0]?.status, 'succeeded')
  await report(lease, 1, 'story.completed')
  assert.equal((await next())?.status, 'succeeded')
  assert.equal((await stream.next()).done, true)

  const whole = await Array.fromAsync(events(await fetch(urls.events, { headers: { authorization } })))
  assert.deepEqual(
    whole.map(([, story]) => [story.id, story.status]),
    [[id, 'succeeded']],
  )
})
