/** Links that open the playground signed in: each holds a token that is exchanged for the API key, once. */
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'

export interface SignInLinks {
  /** A new link to the playground of the edge at `url`; with `story`, it opens that one. */
  link(url: string, story?: string): string
  /** The API key, or undefined for a token that was never given out or has been used. */
  exchange(token: string): string | undefined
}

/** The token stands in the fragment, which no browser sends to a server. Links end with this process. */
export function signInLinks(apiKey: string): SignInLinks {
  const unused = new Set<string>()
  return {
    link(url, story) {
      const token = randomBytes(24).toString('base64url')
      unused.add(token)
      return `${url}/#sign-in=${token}${story === undefined ? '' : `&story=${story}`}`
    },
    exchange: (token) => (unused.delete(token) ? apiKey : undefined),
  }
}

/** By whatever this system opens links with; where it has nothing, the link that was printed has to do. */
export function openInBrowser(link: string): void {
  const command = process.platform === 'darwin' ? 'open' : 'xdg-open'
  const opener = spawn(command, [link], { detached: true, stdio: 'ignore' })
  opener.on('error', () => {})
  opener.unref()
}
