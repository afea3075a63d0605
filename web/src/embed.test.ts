/** Embed pages in frames of another site, in a real browser. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { axeFindings, noBrowser, openPage } from '../../test/browser.ts'
import { startDrawing } from '../../test/drawing-runner.ts'
import { testEdge } from '../../test/worker.ts'

const edge = noBrowser ? undefined : await testEdge()

test('an embedded story grows to its height, and is framed by the origins of its key only', {
  skip: noBrowser,
}, async (t) => {
  assert.ok(edge)
  const { app, post } = edge
  startDrawing(edge, 'story-mini')
  const { id } = await post({ title: 'Fern', frames: [{ prompt: 'Fern waves' }, { prompt: 'Fern sleeps' }] })
  const { urls } = (await app('GET', `/stories/${id}?wait=30`)).body
  const site = createServer((_, response) => {
    response.setHeader('content-type', 'text/html').end(`<!doctype html><title>a site</title>
      <iframe src="${urls.embed.replaceAll('&', '&amp;')}" width="640" height="100" title="Fern"></iframe>
      <script>addEventListener('message', ({ data, source }) => {
        const frame = document.querySelector('iframe')
        if (source === frame.contentWindow && data.type === 'fableframe:height') frame.height = data.height
      })</script>`)
  }).listen(0, '127.0.0.1')
  t.after(() => site.close())
  await once(site, 'listening')
  const { port } = site.address() as AddressInfo
  const page = await openPage()
  const refusals: string[] = []
  page.on('console', (message) => refusals.push(message.text()))

  await page.goto(`http://127.0.0.1:${port}/`)
  await page.frameLocator('iframe').getByRole('img', { name: 'Fern sleeps' }).waitFor()
  await page.waitForFunction(() => {
    const frame = document.querySelector('iframe')
    return frame !== null && frame.offsetHeight > 300
  })
  // The element has taken over, inside the policy of its page.
  await page.frameLocator('iframe').locator('fable-story').getByRole('img', { name: 'Fern waves' }).waitFor()
  assert.deepEqual(refusals, [])
  const alone = await openPage()
  await alone.goto(urls.embed)
  await alone.getByRole('img', { name: 'Fern waves' }).waitFor()
  assert.deepEqual(await axeFindings(alone), [])

  const key = (await app<{ results: { id: string }[] }>('GET', '/keys')).body.results[0]
  await app('PATCH', `/keys/${key?.id}`, { origins: [`http://127.0.0.1:${port}`] })
  await page.reload()
  await page.frameLocator('iframe').getByRole('img', { name: 'Fern sleeps' }).waitFor()

  await app('PATCH', `/keys/${key?.id}`, { origins: ['https://app.example'] })
  const refused = page.waitForEvent('console', (message) => /frame-ancestors/.test(message.text()))
  await page.reload()
  await refused
  assert.equal(await page.frameLocator('iframe').getByRole('img', { name: 'Fern sleeps' }).count(), 0)
})
