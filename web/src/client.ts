/** The SDK, as this page uses it: with the key of who sits before it, at the edge that it came from. */
import { Fableframe } from '../../sdk/src/client.ts'

/** The page holds its reader's own key, and shows it to nobody else. */
export const clientFor = (apiKey: string) =>
  new Fableframe({ apiKey, baseUrl: location.origin, dangerouslyAllowBrowser: true })

/** A link of the API, asked for here: links may name another host of the same edge, which the page may not load from. */
export function hereOf(link: string): string {
  const { pathname, search } = new URL(link, location.origin)
  return pathname + search
}
