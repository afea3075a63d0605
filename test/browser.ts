/** Debian's Chromium, for tests of pages; a test that wants it skips where it is absent. */
import { existsSync } from 'node:fs'
import { after } from 'node:test'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

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
