/** Pages at other ports, in Chromium: what they may do with a client token, and what they are told when they may not. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import type { ClientToken } from '../../../contract/client-token.ts'
import { noBrowser, openPage } from '../../../test/browser.ts'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge()
startDrawing(edge, 'story-mini')
const story = { frames: [{ prompt: 'one' }, { prompt: 'two' }] }

/** A site with one empty page. */
async function startSite(): Promise<string> {
  const server = createServer((_request, response) =>
    response.setHeader('content-type', 'text/html').end('<!doctype html>'),
  )
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}
const [site, elsewhere] = await Promise.all([startSite(), startSite()])

const tokenFor = async (wanted: object) =>
  (await edge.app<ClientToken>('POST', '/client-tokens', { origins: [site], ...wanted })).body.token

/** What a script of the page gets to see of an answer; `error` when the browser keeps it from the script. */
interface Seen {
  status?: number
  body?: { id: string; type: string; limit?: string; status: string }
  headers?: Record<string, string | null>
  error?: string
}
const request = (page: Page, method: string, path: string, credential: string, body?: object): Promise<Seen> =>
  page.evaluate(
    async ({ url, method, credential, body }) => {
      const headers = {
        authorization: `Bearer ${credential}`,
        ...(body && { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() }),
        ...(!body && { 'last-event-id': '0' }),
      }
      try {
        const answer = await fetch(url, { method, headers, ...(body && { body: JSON.stringify(body) }) })
        const names = ['location', 'ratelimit', 'ratelimit-policy', 'x-request-id', 'etag']
        const seen = Object.fromEntries(names.map((name) => [name, answer.headers.get(name)]))
        return { status: answer.status, headers: seen, body: (await answer.json()) as Seen['body'] & {} }
      } catch (error) {
        return { error: String(error) }
      }
    },
    { url: `${edge.url}${path}`, method, credential, body: body ?? null },
  )

async function pageAt(url: string): Promise<Page> {
  const page = await openPage()
  await page.goto(url)
  return page
}

test('a page creates a story with its token, follows it and draws its pictures', { skip: noBrowser }, async () => {
  const page = await pageAt(site)
  const token = await tokenFor({ max_stories: 1 })
  const posted = await request(page, 'POST', '/stories', token, story)
  assert.equal(posted.status, 202)
  assert.match(posted.headers?.location ?? '', /\/stories\/[a-z2-7]{26}$/)
  for (const name of ['ratelimit', 'ratelimit-policy', 'x-request-id']) assert.ok(posted.headers?.[name], name)
  const { id = '' } = posted.body ?? {}
  const ended = await request(page, 'GET', `/stories/${id}?wait=20`, token)
  assert.deepEqual([ended.status, ended.body?.status], [200, 'succeeded'])
  assert.ok(ended.headers?.etag)
  const view = await edge.read(id)
  const last = await page.evaluate(async (url) => {
    const events = new EventSource(url)
    return new Promise<string>((resolve, reject) => {
      events.addEventListener('story', (event) => resolve(JSON.parse((event as MessageEvent).data).status))
      events.addEventListener('error', () => reject(new Error('no events')))
    }).finally(() => events.close())
  }, view.urls.events)
  assert.equal(last, 'succeeded')
  // As text: the types of a page's own objects are not those of this project. Reading pixels throws unless CORS allows it.
  const alpha = await page.evaluate(`(async () => {
    const picture = Object.assign(new Image(), { crossOrigin: 'anonymous', src: ${JSON.stringify(view.frames[0]?.url)} })
    await picture.decode()
    const context = new OffscreenCanvas(1, 1).getContext('2d')
    context.drawImage(picture, 0, 0)
    return context.getImageData(0, 0, 1, 1).data[3]
  })()`)
  assert.equal(alpha, 255)
  const more = await request(page, 'POST', '/stories', token, story)
  assert.deepEqual([more.status, more.body?.type, more.body?.limit], [403, '/problems/token-limit', 'stories'])
})

test('a page of another site reads why it is refused, and nothing else', { skip: noBrowser }, async () => {
  const token = await tokenFor({ max_stories: 1 })
  const page = await pageAt(elsewhere)
  const refused = await request(page, 'POST', '/stories', token, story)
  assert.deepEqual([refused.status, refused.body?.type], [403, '/problems/origin-not-allowed'])
  const key = await request(page, 'GET', '/stories', edge.key)
  assert.deepEqual([key.status, key.body?.type], [403, '/problems/origin-not-allowed'])
  const machine = await request(page, 'POST', '/runner/claim', edge.key, { runner: 'x', model: 'x' })
  assert.match(machine.error ?? '', /Failed to fetch/)
})

test('a page reads that its token is over, or is none', { skip: noBrowser }, async () => {
  const page = await pageAt(site)
  const spoilt = await request(page, 'GET', '/stories', 'ff_client_e30.none')
  assert.deepEqual([spoilt.status, spoilt.body?.type], [401, '/problems/unauthorized'])
  const document = await page.evaluate(async (url) => (await fetch(url)).text(), `${edge.url}/openapi.json`)
  assert.equal(JSON.parse(document).openapi, '3.1.0')
})
