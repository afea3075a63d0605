/** The playground in a real browser, with the edge in real workerd and a runner that draws plain pictures. */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { promisify } from 'node:util'
import type { Page } from 'playwright-core'
import type { Story } from '../../contract/story-view.ts'
import { signInLinks } from '../../local/sign-in.ts'
import { axeFindings, noBrowser, openPage } from '../../test/browser.ts'
import { startDrawing } from '../../test/drawing-runner.ts'
import { plainPng } from '../../test/png.ts'
import { testEdge } from '../../test/worker.ts'

const links: { exchange: (token: string) => string | undefined } = { exchange: () => undefined }
const edge = noBrowser ? undefined : await testEdge({}, { signIn: (token) => links.exchange(token) })

test('the playground', { skip: noBrowser }, async (t) => {
  assert.ok(edge)
  const { url, key } = edge
  const sign = signInLinks(key)
  links.exchange = sign.exchange
  startDrawing(edge, 'story-mini', 20)
  const page = await openPage({
    viewport: { width: 1280, height: 900 },
    permissions: ['clipboard-read', 'clipboard-write'],
  })
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' && !/status of 4\d\d/.test(message.text())) errors.push(message.text())
  })
  page.setDefaultTimeout(15_000)
  let failed = false
  /** One after the other: what follows a failure would fail by it. */
  const step = (name: string, run: () => Promise<void>) =>
    t.test(name, { skip: failed && 'an earlier step failed' }, async () => {
      failed = true
      await run()
      failed = false
    })
  const button = (name: string | RegExp) => page.getByRole('button', { name })
  const status = page.getByRole('status').first()
  const prompts = () =>
    page.getByLabel(/^Prompt of frame/).evaluateAll((all) => all.map((one) => (one as HTMLTextAreaElement).value))
  const stories = async () => (await edge.app<{ results: Story[] }>('GET', '/stories')).body.results
  const accessible = async () => assert.deepEqual(await axeFindings(page), [])

  await step('a link signs in once, and the key stays in the tab', async () => {
    const link = sign.link(url)
    await page.goto(link)
    await page.getByLabel('Title of the story').waitFor()
    assert.equal(page.url(), `${url}/`)
    const kept = await page.evaluate(() => [Object.values(sessionStorage), localStorage.length, document.cookie])
    assert.deepEqual(kept, [[key], 0, ''])
    const other = await openPage()
    await other.goto(link)
    await other.getByText('this sign-in link was used before').waitFor()
    assert.deepEqual(await axeFindings(other), [])
    await other.getByLabel('API key').fill('ff_live_wrong')
    await other.getByRole('button', { name: 'Sign in' }).click()
    await other.getByText('the API key is misspelt').waitFor()
    await other.context().close()
  })

  await step('the example is drawn by one click, frame by frame', async () => {
    await accessible()
    await button('Draw the story').click()
    await status.getByText('All 4 frames are drawn').waitFor()
    const pictures = page.getByRole('listitem', { name: /^Frame \d/ }).locator('img')
    assert.equal(await pictures.count(), 4)
    const loaded = await pictures.evaluateAll((all) => all.map((one) => (one as HTMLImageElement).naturalWidth > 0))
    assert.deepEqual(loaded, [true, true, true, true])
    assert.match(page.url(), /#story=[a-z2-7]{26}$/)
    await accessible()
  })

  await step('warnings and errors stand beside what they speak of, in the words of the API', async () => {
    const prompt = page.getByLabel('Prompt of frame 1')
    await prompt.fill('a fox waves')
    const frame = page.getByRole('listitem', { name: 'Frame 1' })
    await frame.getByText(/names nobody of the cast/).waitFor()
    assert.match((await describedBy(prompt)) ?? '', /names nobody of the cast/)
    await prompt.fill('')
    await button('Draw the story').click()
    await frame.getByText('must not be blank').waitFor()
    await page.getByRole('alert').getByText('/frames/0/prompt: must not be blank').waitFor()
    assert.equal(await prompt.getAttribute('aria-invalid'), 'true')
    await accessible()
    await prompt.fill('Fern waves in the forest')
    await frame.getByText('must not be blank').waitFor({ state: 'detached' })
  })

  await step('a setting that is wrong says so', async () => {
    await button('Settings').click()
    await page.getByLabel('Steps').fill('1000')
    await page.getByText('1 to 100').waitFor()
    await page.getByLabel('Steps').fill('')
    await page.getByText('1 to 100').waitFor({ state: 'detached' })
  })

  await step('frames are moved by arrow keys, which keep the focus, and by the mouse', async () => {
    const [one, two, three, four] = await prompts()
    const handle = page.getByRole('button', { name: 'Move frame 1:' })
    await handle.focus()
    await page.keyboard.press('ArrowRight')
    assert.deepEqual(await prompts(), [two, one, three, four])
    assert.match((await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))) ?? '', /^Move frame 2/)
    await page.getByText('Moved to place 2 of 4.').waitFor()
    await page.keyboard.press('Home')
    assert.deepEqual(await prompts(), [one, two, three, four])
    await drag(page, 'Move frame 1:', 'Frame 3')
    assert.deepEqual(await prompts(), [two, three, one, four])
    await drag(page, 'Move frame 3:', 'Frame 1')
    assert.deepEqual(await prompts(), [one, two, three, four])
  })

  await step('one more frame goes into the same story', async () => {
    const [{ id } = { id: '' }] = await stories()
    await button('Add a frame').click()
    await page.getByLabel('Prompt of frame 5').fill('Fern sleeps')
    await button('Draw one more frame').click()
    await status.getByText('All 5 frames are drawn').waitFor()
    const [latest] = await stories()
    assert.deepEqual([latest?.id, latest?.frames.length], [id, 5])
  })

  await step('a frame is redrawn with three seeds side by side, and one is kept', async () => {
    await button('Redraw frame 2').click()
    const dialog = page.getByRole('dialog', { name: 'Redraw frame 2' })
    await dialog.getByRole('img', { name: 'Candidate 3' }).waitFor()
    assert.deepEqual(await axeFindings(page), [])
    const seed = Number(
      (
        await dialog
          .getByText(/^seed \d+$/)
          .nth(1)
          .innerText()
      ).replace('seed ', ''),
    )
    await dialog.getByRole('button', { name: 'candidate 2' }).click()
    await dialog.waitFor({ state: 'detached' })
    await status.getByText('All 5 frames are drawn').waitFor()
    const { body } = await edge.app('GET', new URL(`/stories/${new URL(page.url()).hash.slice(7)}`, url).pathname)
    assert.equal(body.frames[1]?.revision, 1)
    const request = await edge.app<{ frames: { seed?: number }[] }>('GET', `/stories/${body.id}/request`)
    assert.equal(request.body.frames[1]?.seed, seed)
    // The candidates were a story of their own, which is gone.
    assert.equal((await stories()).filter(({ metadata }) => 'playground_candidates' in metadata && metadata).length, 0)
  })

  await step('another story begins with the same cast, from the bank of this one', async () => {
    const before = new URL(page.url()).hash.slice(7)
    await button('New story with this cast').click()
    await page.getByLabel('Prompt of frame 1').fill('Bo and Fern are back')
    await button('Draw the story').click()
    await status.getByText('The frame is drawn').waitFor()
    const { body } = await edge.app<{ bank: string; characters: object[] }>(
      'GET',
      `/stories/${new URL(page.url()).hash.slice(7)}/request`,
    )
    assert.match(body.bank, /^sha256:/)
    assert.equal(body.characters.length, 2)
    await page.goto(`${url}/#story=${before}`)
    await page.reload()
    await status.getByText('All 5 frames are drawn').waitFor()
  })

  await step('what is copied as curl does what the button does', async () => {
    await button('Copy as curl').click()
    const code = await page.evaluate(() => navigator.clipboard.readText())
    assert.doesNotMatch(code, /ff_live/)
    const { stdout } = await promisify(execFile)('bash', ['-c', code], {
      env: { ...process.env, FABLEFRAME_API_KEY: key },
    })
    const posted = JSON.parse(stdout) as Story
    assert.deepEqual(
      [posted.status, posted.title, posted.frames.map(({ prompt }) => prompt)],
      ['queued', 'A day with Fern and Bo', await prompts()],
    )
    await page.getByRole('tab', { name: 'curl' }).focus()
    await page.keyboard.press('ArrowRight')
    await page.getByRole('tabpanel').getByText('new Fableframe(').waitFor()
    await page.keyboard.press('ArrowRight')
    await page.getByRole('tabpanel').getByText('urllib.request').first().waitFor()
    await page.keyboard.press('ArrowRight')
    await page
      .getByRole('tabpanel')
      .getByText(/<fable-story src="http.*events\?exp=\d+&sig=/)
      .waitFor()
  })

  await step('files that are no pictures are refused by name; a picture goes into the request', async () => {
    const choose = page.locator('input[type=file]').first()
    const member = page.getByRole('group', { name: 'Pictures of Fern' })
    await choose.setInputFiles({ name: 'empty.png', mimeType: 'image/png', buffer: Buffer.alloc(0) })
    await member.getByText('empty.png is empty (0 bytes).').waitFor()
    await choose.setInputFiles({ name: 'notes.txt', mimeType: 'text/plain', buffer: Buffer.from('no picture') })
    await member.getByText('notes.txt is no picture that can be read').waitFor()
    await choose.setInputFiles({ name: 'broken.png', mimeType: 'image/png', buffer: Buffer.from('no picture') })
    await member.getByText('broken.png cannot be read as a picture').waitFor()
    await dropFile(page, 'Pictures of Fern', { name: 'big.png', size: 100 * 1024 * 1024 })
    await member.getByText('big.png has 100 MB; a picture may have 20 MB.').waitFor()
    await accessible()
    await choose.setInputFiles({ name: 'fern.png', mimeType: 'image/png', buffer: Buffer.from(await plainPng(3)) })
    await member.getByRole('img', { name: 'Fern: fern.png' }).waitFor()
    await page.getByRole('tab', { name: 'curl' }).click()
    await page
      .getByRole('tabpanel')
      .getByText(/"data:image\/png;base64,.{12}…"/)
      .waitFor()
  })

  await step('the history opens earlier stories; a reload opens the one of the address', async () => {
    await button('History').click()
    const drawer = page.getByRole('dialog', { name: 'History' })
    await drawer
      .getByRole('button', { name: /A day with Fern and Bo/ })
      .last()
      .click()
    await page.getByLabel('Prompt of frame 5').waitFor()
    await status.getByText('All 5 frames are drawn').waitFor()
    await page.reload()
    await status.getByText('All 5 frames are drawn').waitFor()
    assert.deepEqual((await prompts()).slice(4), ['Fern sleeps'])
    await page.getByLabel('Looks of Fern').waitFor()
  })

  await step('on a telephone and in the dark', async () => {
    await page.setViewportSize({ width: 375, height: 812 })
    await page.emulateMedia({ colorScheme: 'dark' })
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), 375)
    await accessible()
  })

  await step('a key that ends signs the page out and says why', async () => {
    await page.evaluate(() => sessionStorage.setItem('fableframe.key', `ff_live_${'a'.repeat(39)}`))
    await page.reload()
    await page.getByText('the API key is misspelt').waitFor()
    assert.deepEqual(await page.evaluate(() => Object.values(sessionStorage)), [])
  })
  assert.deepEqual(errors, [])
})

const describedBy = (field: ReturnType<Page['getByLabel']>) =>
  field.evaluate((one) => document.getElementById(one.getAttribute('aria-describedby') ?? '')?.textContent)

async function drag(page: Page, handle: string, onto: string): Promise<void> {
  await page.getByRole('button', { name: handle }).hover()
  await page.mouse.down()
  const box = await page.getByRole('listitem', { name: onto }).boundingBox()
  assert.ok(box)
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2, { steps: 4 })
  await page.mouse.up()
}

/** As a user drops it; made in the page, so that it need not be sent there. */
const dropFile = (page: Page, group: string, file: { name: string; size: number }) =>
  page.getByRole('group', { name: group }).evaluate((place, { name, size }) => {
    const data = new DataTransfer()
    data.items.add(new File([new Uint8Array(size)], name, { type: 'image/png' }))
    place.dispatchEvent(new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true }))
  }, file)
