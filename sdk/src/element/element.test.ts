/** `<fable-story>` in Chromium, on a page of another origin than the edge, whose policy forbids inline styles and scripts. */
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { after, type TestContext, test } from 'node:test'
import { build } from 'esbuild'
import type { BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { Claim } from '../../../contract/runner.ts'
import type { Story } from '../../../contract/story-view.ts'
import { signUrl } from '../../../src/platform/signed-url.ts'
import { axeFindings, noBrowser, openPage } from '../../../test/browser.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const URL_SECRET = 'a-secret-of-links-for-tests-alone'
const edge = noBrowser ? undefined! : await testEdge({ URL_SECRET, LEASE_SECONDS: '600' })
const prompts = ['Fern wakes up', 'Fern & Bo set out', 'Fern is back']

const { outputFiles } = await build({
  entryPoints: [join(import.meta.dirname, 'element.ts')],
  ...{ bundle: true, minify: true, write: false, format: 'esm', target: 'es2022' },
})
const bodies = new Map<string, string>()
const site = createServer((request, response) => {
  const isScript = request.url === '/element.js'
  const policy = `default-src 'none'; script-src 'self'; connect-src ${edge.url}; img-src ${edge.url} data:`
  response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html; charset=utf-8')
  response.setHeader('content-security-policy', policy)
  response.end(isScript ? outputFiles[0]!.text : bodies.get(request.url!))
})
await new Promise<void>((resolve) => site.listen(0, '127.0.0.1', resolve))
const siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`
after(() => {
  site.closeAllConnections()
  site.close()
})

interface Told {
  type: string
  message?: string
  index?: number
}

/** A page with `body`; what it breaks of its policy, and what fails in it, fails the test. */
async function open(t: TestContext, body: string, options: BrowserContextOptions = {}): Promise<Page> {
  const page = await openPage(options)
  // What moves in it takes time from other tests.
  t.after(() => page.context().close())
  const path = `/${bodies.size}`
  const head = '<meta name="viewport" content="width=device-width"><script type="module" src="/element.js"></script>'
  const html = `<!doctype html><html lang="en"><title>A story</title>${head}<main><h1>A story</h1>${body}</main></html>`
  bodies.set(path, html)
  page.on('pageerror', (error) => assert.fail(`the page threw ${error}`))
  page.on('console', (message) => {
    assert.doesNotMatch(message.text(), /Content.Security.Policy/i)
  })
  await page.goto(`${siteUrl}${path}`)
  return page
}

/** Notes what the element tells from now on. */
const listen = (page: Page) =>
  page.evaluate(() => {
    const told: Told[] = []
    Object.assign(window, { told })
    const element = document.querySelector('fable-story')!
    for (const type of ['frame', 'complete', 'error', 'expired'])
      element.addEventListener(type, (event) => {
        const { message, frame } = (event as CustomEvent).detail
        told.push({ type, ...(message && { message }), ...(frame && { index: frame.index }) })
      })
  })
const told = (page: Page) => page.evaluate(() => (window as unknown as { told: Told[] }).told)

const tag = (story: Story, attributes = '', inside = '') =>
  `<fable-story src="${story.urls.events.replaceAll('&', '&amp;')}" ${attributes}>${inside}</fable-story>`
const part = (page: Page, name: string) => page.locator(`fable-story [part~="${name}"]`)
/** Resolves once the status says so. */
const says = (page: Page, words: string) => part(page, 'status').filter({ hasText: words }).waitFor({ timeout: 10_000 })

async function start(title = 'Fern goes out') {
  const frames = prompts.map((prompt, i) => ({ prompt, ...(i === 1 && { text: 'Off they go!' }) }))
  const story = await edge.post({ title, frames })
  let lease: Claim
  // A story that an earlier test left running may come back.
  do lease = (await edge.claim())!
  while (lease.id !== story.id)
  let sequence = 0
  await edge.report(lease, ++sequence, 'story.started')
  const draw = async (index: number) => {
    await edge.held(lease, 'PUT', `frames/${index}`, await plainPng(60 + 60 * index, 96, 64))
    const progress = { stage: 'decoding', step: 0, steps: 0, fraction: (index + 1) / prompts.length }
    await edge.report(lease, ++sequence, 'story.progress', { progress })
  }
  const end = () => edge.report(lease, ++sequence, 'story.completed')
  const fail = () => {
    const error = { code: 'invalid_story', message: 'no such scheduler' }
    return edge.report(lease, ++sequence, 'story.failed', { error, retryable: false })
  }
  return { story, draw, end, fail, lease }
}

async function finished(): Promise<Story> {
  const { story, draw, end } = await start()
  for (const index of prompts.keys()) await draw(index)
  await end()
  return edge.read(story.id)
}

const chromium = { skip: noBrowser }

test('frames are shown as they come: skeletons of their shape, captions, progress, and events', chromium, async (t) => {
  const { story, draw, end } = await start()
  const page = await open(t, tag(story, 'ratio="4/3"'))
  await listen(page)
  await says(page, 'Drawing')
  const shapes = () =>
    part(page, 'picture').evaluateAll((all) =>
      all.map((one) => Math.round((100 * one.clientWidth) / one.clientHeight) / 100),
    )
  assert.deepEqual(await shapes(), [1.33, 1.33, 1.33])
  assert.deepEqual(await part(page, 'caption').allTextContents(), prompts.with(1, 'Off they go!'))
  assert.deepEqual(await axeFindings(page), [])
  await draw(0)
  await says(page, 'Drawing, 1 of 3 pictures done')
  await page.getByRole('img', { name: prompts[0]!, exact: true }).waitFor()
  assert.deepEqual(await shapes(), [1.5, 1.5, 1.5])
  assert.equal(await page.getByRole('img', { name: 'Fern is back (not drawn yet)' }).count(), 1)
  assert.equal(await page.getByRole('progressbar').getAttribute('aria-valuenow'), '33')
  for (const index of [1, 2]) await draw(index)
  await end()
  await part(page, 'status').filter({ hasNotText: /./ }).waitFor({ state: 'hidden' })
  await page.waitForFunction(() => document.querySelector('fable-story')?.latest?.status === 'succeeded')
  const loaded = part(page, 'image')
  assert.deepEqual(await loaded.evaluateAll((all) => all.map((one) => one.getAttribute('alt'))), prompts)
  assert.deepEqual(await told(page), [...[0, 1, 2].map((index) => ({ type: 'frame', index })), { type: 'complete' }])
  assert.deepEqual(await axeFindings(page), [])
})

test('a story that is waited for says its place, one that fails says why', chromium, async (t) => {
  const { story, draw, fail } = await start()
  const waiting = await edge.post({ frames: [{ prompt: 'a cat' }] })
  const first = await open(t, tag(waiting))
  await says(first, 'Waiting, next in line')
  assert.equal(await first.getByRole('progressbar').getAttribute('aria-valuenow'), null)
  await draw(0)
  const page = await open(t, tag(story))
  await says(page, '1 of 3')
  await listen(page)
  await fail()
  await says(page, 'The story could not be finished: no such scheduler.')
  assert.deepEqual(await told(page), [
    { type: 'error', message: 'The story could not be finished: no such scheduler.' },
  ])
  assert.deepEqual(await axeFindings(page), [])
  await edge.app('POST', `/stories/${waiting.id}/cancel`)
  await says(first, 'The story was canceled.')
})

test('without JavaScript, the pictures inside the element are there', chromium, async (t) => {
  const { data, story } = await withFallback()
  const page = await open(t, tag(story, '', `<img src="${data}" alt="Fern wakes up">`), { javaScriptEnabled: false })
  await page.getByRole('img', { name: 'Fern wakes up' }).waitFor()
})

test('pictures inside the element are blurred previews of frames that are not drawn yet', chromium, async (t) => {
  const { data, story } = await withFallback()
  const page = await open(t, tag(story, '', `<img src="${data}" alt="">`))
  const preview = part(page, 'preview')
  await preview.waitFor()
  assert.equal(await preview.count(), 1)
  assert.equal(await preview.getAttribute('src'), data)
  assert.match(await preview.evaluate((image) => getComputedStyle(image).filter), /blur/)
})

async function withFallback() {
  const { story } = await start()
  return { story, data: `data:image/png;base64,${(await plainPng(9)).toString('base64')}` }
}

test('a redrawn frame lets its last picture show through, until the new one is there', chromium, async (t) => {
  const story = await finished()
  const page = await open(t, tag(story))
  const before = await part(page, 'image').nth(1).getAttribute('src')
  await edge.app('POST', `/stories/${story.id}/frames/1/redraw`, { prompt: 'Fern turns round' })
  await page.evaluate(() => document.querySelector('fable-story')!.refresh())
  const preview = part(page, 'preview')
  await preview.waitFor()
  assert.equal(await preview.getAttribute('src'), before)
  const lease: Claim = (await edge.claim())!
  await edge.report(lease, 1, 'story.started')
  await edge.held(lease, 'PUT', 'frames/1', await plainPng(7, 96, 64))
  await page.getByRole('img', { name: 'Fern turns round', exact: true }).waitFor()
  await preview.waitFor({ state: 'detached' })
  assert.equal(await part(page, 'image').count(), 3)
  await edge.report(lease, 2, 'story.completed')
})

test('strip and book are turned by keys, buttons and swiping', chromium, async (t) => {
  const story = await finished()
  for (const layout of ['strip', 'book']) {
    const page = await open(t, tag(story, `layout="${layout}"`), {
      viewport: { width: 375, height: 700 },
      hasTouch: true,
    })
    const shown = (words: string) => part(page, 'page').filter({ hasText: words }).waitFor({ timeout: 10_000 })
    const scroller = part(page, 'scroller')
    await shown('1 / 3')
    await page.keyboard.press('Tab')
    assert.equal(await scroller.evaluate((box) => box.matches(':focus-visible')), true)
    await page.keyboard.press('ArrowRight')
    await shown('2 / 3')
    await page.keyboard.press('End')
    await shown('3 / 3')
    assert.equal(await page.getByRole('button', { name: 'Next picture' }).isDisabled(), true)
    await page.getByRole('button', { name: 'Previous picture' }).click()
    await shown('2 / 3')
    // A touch that a busy browser takes too slowly is none of swiping, and is done again.
    for (let i = 0; i < 3 && !(await part(page, 'page').innerText()).includes('1 / 3'); i++) {
      await swipe(page, scroller, 220)
      await shown('1 / 3').catch((error) => (i < 2 ? undefined : Promise.reject(error)))
    }
    assert.deepEqual(await axeFindings(page), [])
  }
  const grid = await open(t, tag(story, 'layout="grid"'), { viewport: { width: 1200, height: 700 } })
  assert.equal(await part(grid, 'navigation').isHidden(), true)
  assert.deepEqual(await axeFindings(grid), [])
})

/** Draws a finger over an element, by pixels to the right. */
async function swipe(page: Page, over: Locator, pixels: number): Promise<void> {
  const { x, y, height } = (await over.boundingBox())!
  const cdp = await page.context().newCDPSession(page)
  const steps = 10
  for (let step = 0; step <= steps; step++) {
    const point = { x: x + 40 + (pixels * step) / steps, y: y + height / 2 }
    const type = step === 0 ? 'touchStart' : 'touchMove'
    await cdp.send('Input.dispatchTouchEvent', { type, touchPoints: [point] })
  }
  await cdp.send('Input.dispatchTouchEvent', { type: 'touchEnd', touchPoints: [] })
}

test('from right to left, keys and pages go the other way', chromium, async (t) => {
  const page = await open(t, `<div dir="rtl">${tag(await finished(), 'layout="book"')}</div>`)
  const shown = (words: string) => part(page, 'page').filter({ hasText: words }).waitFor({ timeout: 10_000 })
  await shown('1 / 3')
  await part(page, 'scroller').focus()
  await page.keyboard.press('ArrowLeft')
  await shown('2 / 3')
  await page.keyboard.press('ArrowRight')
  await shown('1 / 3')
})

test('an expired link says so, and another one goes on', chromium, async (t) => {
  const story = await finished()
  const expired = signUrl(`${edge.url}/stories/${story.id}/events`, Date.now() - 1000, { URL_SECRET: [URL_SECRET] })
  const page = await open(t, tag({ ...story, urls: { ...story.urls, events: expired } }))
  await says(page, 'The link to this story has expired.')
  assert.deepEqual(await axeFindings(page), [])
  const message = await page.evaluate(
    (fresh) =>
      new Promise<string>((resolve) => {
        const element = document.querySelector('fable-story')!
        element.onexpired = ({ detail }) => {
          resolve(detail.message)
          element.setAttribute('src', fresh)
        }
        element.refresh()
      }),
    story.urls.events,
  )
  assert.match(message, /^the link expired at /)
  await part(page, 'image').nth(2).waitFor()
  assert.equal(await part(page, 'status').isHidden(), true)
})

test('a story and a client token will do in place of a link; an expired token says so', chromium, async (t) => {
  const { id } = await finished()
  const { body } = await edge.app<{ token: string }>('POST', '/client-tokens', { story: id, origins: [siteUrl] })
  const page = await open(t, `<fable-story story="${id}" token="${body.token}" base-url="${edge.url}"></fable-story>`)
  await part(page, 'image').nth(2).waitFor()
  await listen(page)
  const answer = { type: '/problems/token-expired', status: 401, detail: 'the client token expired' }
  const headers = { 'access-control-allow-origin': siteUrl, 'content-type': 'application/problem+json' }
  await page.route('**/events', (route) => route.fulfill({ status: 401, headers, json: answer }))
  await page.evaluate(() => document.querySelector('fable-story')!.refresh())
  await says(page, 'The link to this story has expired.')
  assert.deepEqual(await told(page), [{ type: 'expired', message: 'the client token expired' }])
})

test('a wrong link is an error that says what is wrong', chromium, async (t) => {
  const { story } = await start()
  const events = story.urls.events.replace(/sig=./, 'sig=_')
  const page = await open(t, tag({ ...story, urls: { ...story.urls, events } }))
  await says(page, 'The story cannot be shown: the signature of the link is wrong')
})

test('it moves nothing for those who ask for that, and follows the colours of the page', chromium, async (t) => {
  const { story } = await start()
  const moving = (page: Page) =>
    part(page, 'picture')
      .first()
      .evaluate((one) => one.getAnimations({ subtree: true }).length)
  assert.equal(await moving(await readyPage(t, story, {})), 1)
  const still = await readyPage(t, story, { reducedMotion: 'reduce' })
  assert.equal(await moving(still), 0)
  const scheme = '<meta name="color-scheme" content="light dark">'
  const paper = async (colorScheme: 'light' | 'dark') => {
    const page = await readyPage(t, story, { colorScheme }, scheme, 'layout="book"')
    assert.deepEqual(await axeFindings(page), [])
    return part(page, 'scroller').evaluate((box) => getComputedStyle(box).backgroundColor)
  }
  assert.deepEqual([await paper('light'), await paper('dark')], ['rgb(255, 253, 247)', 'rgb(34, 32, 29)'])
})

async function readyPage(
  t: TestContext,
  story: Story,
  options: BrowserContextOptions,
  before = '',
  attributes = '',
): Promise<Page> {
  const page = await open(t, `${before}${tag(story, attributes)}`, options)
  await says(page, 'Drawing')
  return page
}
