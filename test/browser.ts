/** Debian's Chromium, for tests of pages; a test that wants it skips where it is absent. */
import { existsSync, readFileSync } from 'node:fs'
import { after } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const axe = readFileSync(new URL('../node_modules/axe-core/axe.min.js', import.meta.url), 'utf8')
const CHROMIUM = '/usr/bin/chromium'

/** What `test` takes as its `skip`: false, or why there is no browser. */
export const noBrowser: string | false = existsSync(CHROMIUM)
  ? false
  : 'there is no chromium (apt-get install chromium)'

let browser: Promise<Browser> | undefined
// Of the file, not of the test that happens to be the first.
after(async () => (await browser)?.close())

/** A page in a fresh profile of one browser for the file, which is closed after its tests. */
export async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
  browser ??= chromium.launch({ executablePath: CHROMIUM, args: ['--no-sandbox'] })
  const context = await (await browser).newContext(options)
  return context.newPage()
}

/** What axe finds wrong in a page once it is at rest, each with the elements that it is about. */
export async function axeFindings(page: Page): Promise<string[]> {
  // What is fading in has another contrast for a moment.
  await page.evaluate(`Promise.allSettled(document.getAnimations()
    .filter(({ effect }) => effect.getComputedTiming().endTime !== Infinity).map(({ finished }) => finished))`)
  // By the debugger, which the policy of the page does not concern.
  await page.evaluate(axe)
  return page.evaluate(async () => {
    const { axe } = globalThis as unknown as { axe: Axe }
    const { violations } = await axe.run()
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(' | ')}`)
  })
}

interface Axe {
  run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }>
}
