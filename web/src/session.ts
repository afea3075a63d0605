/** Who is signed in, and what the address says. The key stays in this tab: sessionStorage ends with it. */

const STORED = 'fableframe.key'

export const storedKey = (): string | null => sessionStorage.getItem(STORED)

export function storeKey(key: string | null): void {
  if (key === null) sessionStorage.removeItem(STORED)
  else sessionStorage.setItem(STORED, key)
}

/** What the fragment asks for. The token of a sign-in link is taken out of the address and the tab's history at once. */
export function readFragment(): { token: string | null; story: string | null } {
  const asked = new URLSearchParams(location.hash.slice(1))
  const [token, story] = [asked.get('sign-in'), asked.get('story')]
  if (token !== null) showStory(story)
  return { token, story }
}

/** The address that opens this story again; null for a new one. */
export function showStory(id: string | null): void {
  history.replaceState(null, '', id === null ? '/' : `/#story=${id}`)
}
