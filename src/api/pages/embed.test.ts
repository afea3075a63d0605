import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Problem } from '../../../contract/problem.ts'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge({ MODELS: 'story-mini,nobody' })
const { app, call, post, url } = edge
startDrawing(edge, 'story-mini')
const { id } = await post({
  title: 'Fern & "Bo" <script>',
  characters: [{ id: 'fox', name: 'Fern', description: 'an orange fox' }],
  frames: [{ prompt: 'Fern waves' }, { prompt: 'Fern sleeps' }],
})
const story = (await app('GET', `/stories/${id}?wait=30`)).body
const { embed } = story.urls
const page = (link = embed) => call<string>('GET', link)
const oembed = <Body = Record<string, string | number>>(query: Record<string, string>) =>
  call<Body>('GET', `/oembed?${new URLSearchParams(query)}`)
const unescaped = (text: string) =>
  text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&lt;', '<').replaceAll('&gt;', '>')
const meta = (html: string) =>
  Object.fromEntries(
    [...html.matchAll(/<meta (?:property|name)="([^"]+)" content="([^"]*)"/g)].map(([, name, text]) => [
      name,
      unescaped(text!),
    ]),
  )

test('the page shows the pictures without JavaScript, and what was written cannot become a part of it', async () => {
  const { status, headers, body } = await page()
  assert.equal(status, 200)
  assert.match(headers.get('content-type') ?? '', /^text\/html/)
  const pictures = [...body.matchAll(/<img src="([^"]+)" alt="([^"]+)" width="(\d+)"/g)].map(([, src, alt]) => [
    unescaped(src!),
    alt,
  ])
  assert.deepEqual(
    pictures,
    story.frames.map((frame) => [frame.url, frame.prompt]),
  )
  assert.equal((await call('GET', pictures[0]![0]!)).status, 200)
  assert.match(body, /<h1>Fern &amp; &quot;Bo&quot; &lt;script&gt;<\/h1>/)
  assert.doesNotMatch(body, /<script>|\son\w+=|\sstyle=|http-equiv/)
  assert.ok(
    unescaped(body).includes(
      `<fable-story src="${story.urls.events}" layout="grid" ratio="${story.frames[0]?.width}/${story.frames[0]?.height}">`,
    ),
  )
  for (const [, path] of body.matchAll(/(?:src|href)="(\/[^"]+)"/g))
    assert.equal((await call('GET', path!)).status, 200, path ?? '')
})

test('a pasted link unfolds: Open Graph tags, and where oEmbed answers', async () => {
  const { body } = await page()
  const tags = meta(body)
  assert.equal(tags['og:title'], 'Fern & "Bo" <script>')
  assert.equal(tags['og:description'], 'Fern waves. Fern sleeps')
  assert.equal(tags['og:url'], embed)
  assert.equal(tags['twitter:card'], 'summary_large_image')
  const picture = await fetch(tags['og:image'] ?? '')
  assert.deepEqual([picture.status, picture.headers.get('content-type')], [200, 'image/png'])
  const discovered = [...body.matchAll(/<link rel="alternate" type="([^"]+)" href="([^"]+)"/g)]
  assert.deepEqual(
    discovered.map(([, type]) => type),
    ['application/json+oembed', 'text/xml+oembed'],
  )
  for (const [, , href] of discovered) assert.equal((await call('GET', unescaped(href!))).status, 200, href ?? '')
})

test('a story that is not over has places for its frames, and is loaded again where there is no JavaScript', async () => {
  const waiting = await post({ frames: [{ prompt: 'a fox' }], model: 'nobody' })
  const { body } = await page(waiting.urls.embed)
  assert.match(body, /<noscript><meta http-equiv="refresh"/)
  assert.match(body, /<div class="pending"><\/div><figcaption>a fox</)
  assert.equal(meta(body)['og:title'], 'a fox')
})

test('the element is a script that pages of other sites may load', async () => {
  const { status, headers, body } = await call<string>('GET', '/element.js', {
    headers: { origin: 'https://app.example' },
  })
  assert.deepEqual([status, headers.get('access-control-allow-origin')], [200, '*'])
  assert.match(body, /"fable-story"/)
})

test('the origins of the key may frame it; any page may where there are none', async () => {
  const ancestors = async () =>
    /frame-ancestors ([^;]*)/.exec((await page()).headers.get('content-security-policy') ?? '')?.[1]
  assert.equal(await ancestors(), '*')
  const key = (await app<{ results: { id: string }[] }>('GET', '/keys')).body.results[0]
  await app('PATCH', `/keys/${key?.id}`, { origins: ['https://app.example', 'http://localhost:5173'] })
  assert.equal(await ancestors(), "'self' https://app.example http://localhost:5173")
  await app('PATCH', `/keys/${key?.id}`, { origins: [] })
})

test('oEmbed: an iframe in JSON and XML, within the size that was asked for', async () => {
  const { status, headers, body } = await oembed({ url: embed, referrer: 'ignored' })
  assert.equal(status, 200)
  assert.equal(headers.get('access-control-allow-origin'), '*')
  const { html, ...rest } = body
  assert.equal(rest.version, '1.0')
  assert.equal(rest.type, 'rich')
  assert.equal(rest.title, 'Fern & "Bo" <script>')
  assert.equal(rest.width, 640)
  assert.match(
    String(html),
    new RegExp(`^<iframe src="[^"]+" width="640" height="${rest.height}" title="Fern &amp; [^"]+" `),
  )
  assert.ok(unescaped(String(html)).includes(`src="${embed}"`))
  const small = (await oembed({ url: embed, maxwidth: '300', maxheight: '200', format: 'json' })).body
  assert.deepEqual([small.width, small.height], [300, 200])
  const xml = await oembed<string>({ url: embed, format: 'xml' })
  assert.match(xml.headers.get('content-type') ?? '', /^text\/xml/)
  assert.match(xml.body, /<oembed>\n<version>1\.0<\/version>[\s\S]*<html>&lt;iframe [^<]*<\/html>/)
})

test('what oEmbed cannot answer: links of others, links that were changed or have ended, formats and sizes that are none', async () => {
  const refused = async (query: Record<string, string>) => {
    const { status, body } = await oembed<Problem>(query)
    return [status, body.errors?.[0]?.pointer ?? body.detail]
  }
  const foreign = await refused({ url: 'https://video.example/watch?v=1' })
  assert.equal(foreign[0], 404)
  assert.match(
    String(foreign[1]),
    /\/stories\/\{id\}\/embed is what can be embedded from here, not https:\/\/video\.example/,
  )
  assert.equal((await refused({ url: `${url}/stories/${id}` }))[0], 404)
  assert.match(String((await refused({ url: embed.replace(/sig=./, 'sig=-') }))[1]), /signature of the link is wrong/)
  assert.match(String((await refused({ url: `${url}/stories/${id}/embed` }))[1]), /has no time of expiry/)
  assert.deepEqual(await refused({}), [422, '?url'])
  assert.deepEqual(await refused({ url: 'no link' }), [422, '?url'])
  assert.deepEqual(await refused({ url: embed, format: 'yaml' }), [422, '?format'])
  assert.deepEqual(await refused({ url: embed, maxwidth: '-1' }), [422, '?maxwidth'])
})

test('a wrong link, an unknown layout and an erased story are refused', async () => {
  assert.equal((await page(embed.replace(/sig=./, 'sig=-'))).status, 401)
  assert.equal((await page(`${url}/stories/${id}/embed`)).status, 401)
  assert.equal((await page(`${embed}&layout=cube`)).status, 422)
  assert.equal((await page(`${embed}&layout=book`)).status, 200)
  assert.equal((await app('DELETE', `/stories/${id}`)).status, 204)
  assert.equal((await page()).status, 404)
  assert.equal((await oembed({ url: embed })).status, 404)
})
