/** Lists: `for await (const story of client.stories.list())` goes through all pages, `await` gives the first one. */

export interface Page<Item> {
  results: Item[]
  /** The next older page; undefined on the last. */
  next: (() => Promise<Page<Item>>) | undefined
}

export type Pages<Item> = Promise<Page<Item>> & AsyncIterable<Item>

/** What the API answers. */
export interface WirePage<Item> {
  results: Item[]
  next: string | null
}

/** @param load a page, by the query of the link that the page before gave; the first one without. */
export function pagesOf<Item>(load: (query?: string) => Promise<WirePage<Item>>): Pages<Item> {
  const pageOf = ({ results, next }: WirePage<Item>): Page<Item> => ({
    results,
    next: next === null ? undefined : async () => pageOf(await load(new URL(next).search)),
  })
  const first = load().then(pageOf)
  async function* items() {
    for (let page: Page<Item> | undefined = await first; page; page = await page.next?.()) yield* page.results
  }
  return Object.assign(first, { [Symbol.asyncIterator]: items })
}
