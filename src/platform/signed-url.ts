/**
 * Capability URLs: links that may be followed without an API key, because they prove themselves.
 *
 * `sig` is HMAC-SHA256, as base64url, over the path and `exp` (Unix seconds). The host is not signed, so that a proxy or
 * a second domain changes nothing; other query parameters are not either, so a link gives its holder no more than a read
 * of that one path.
 */
import type { Settings } from './env.ts'
import { isMacOf, macOf } from './mac.ts'

/** What signs links. */
export type LinkSettings = Pick<Settings, 'URL_SECRET'>

const DAY_MS = 24 * 3600_000
/** Links to what is kept for ever are good for ten years. */
const LONGEST_MS = 3650 * DAY_MS

/**
 * When the links in a story's views end: not before its content does, for a story that is over within a week. The same
 * in every view, so that caches know a picture by its link. The authorized routes have no such end.
 */
export function linksEnd({ createdAt, retentionMs }: { createdAt: number; retentionMs: number | null }): number {
  return createdAt + 7 * DAY_MS + (retentionMs ?? LONGEST_MS)
}

/**
 * `url` with `exp` and `sig`, good until `expiresAt` (ms since 1970), as long as its key has this generation of links.
 * Deterministic: the same arguments, the same link.
 */
export function signUrl(url: string, expiresAt: number, settings: LinkSettings, generation = 0): string {
  const signed = new URL(url)
  const exp = String(Math.floor(expiresAt / 1000))
  signed.searchParams.set('exp', exp)
  if (generation > 0) signed.searchParams.set('gen', String(generation))
  signed.searchParams.set('sig', macOf(signedText(signed.pathname, exp, generation), settings.URL_SECRET[0]))
  return signed.href
}

/** The generation of a link that `refuseSignedUrl` does not refuse. */
export const generationOf = (url: string) => Number(new URL(url).searchParams.get('gen') ?? 0)

/** Whether a URL claims to be signed; `refuseSignedUrl` checks the claim. */
export const isSigned = (url: string) => new URL(url).searchParams.has('sig')

/** Why the link opens nothing; undefined when it does. */
export function refuseSignedUrl(url: string, now: number, settings: LinkSettings): string | undefined {
  const { pathname, searchParams } = new URL(url)
  const exp = searchParams.get('exp') ?? ''
  if (!/^\d{1,12}$/.test(exp)) return 'the link has no time of expiry: exp must be Unix seconds'
  const sig = searchParams.get('sig') ?? ''
  const generation = generationOf(url)
  if (!isMacOf(sig, signedText(pathname, exp, generation), settings.URL_SECRET))
    return 'the signature of the link is wrong: it must be used as it was given, with its path, exp and sig'
  if (now >= Number(exp) * 1000) return `the link expired at ${new Date(Number(exp) * 1000).toISOString()}`
  return undefined
}

/** Links of the first generation do not name it. */
function signedText(path: string, exp: string, generation: number): string {
  return `fableframe link\n${[path, exp, ...(generation > 0 ? [generation] : [])].join('\n')}`
}
