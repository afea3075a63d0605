/**
 * Capability URLs: links that may be followed without an API key, because they prove themselves.
 *
 * `sig` is HMAC-SHA256, as base64url, over the path and `exp` (Unix seconds). The host is not signed, so that a proxy or
 * a second domain changes nothing; other query parameters are not either, so a link gives its holder no more than a read
 * of that one path. Synchronous, unlike WebCrypto, because every view of a story holds such links.
 */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { Settings } from './env.ts'

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

const encode = (text: string) => new TextEncoder().encode(text)

/**
 * `url` with `exp` and `sig`, good until `expiresAt` (ms since 1970), as long as its key has this generation of links.
 * Deterministic: the same arguments, the same link.
 */
export function signUrl(url: string, expiresAt: number, settings: LinkSettings, generation = 0): string {
  const signed = new URL(url)
  const exp = String(Math.floor(expiresAt / 1000))
  signed.searchParams.set('exp', exp)
  if (generation > 0) signed.searchParams.set('gen', String(generation))
  signed.searchParams.set('sig', signatureOf(signed.pathname, exp, generation, settings.URL_SECRET[0]))
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
  if (!settings.URL_SECRET.some((secret) => isEqual(sig, signatureOf(pathname, exp, generation, secret))))
    return 'the signature of the link is wrong: it must be used as it was given, with its path, exp and sig'
  if (now >= Number(exp) * 1000) return `the link expired at ${new Date(Number(exp) * 1000).toISOString()}`
  return undefined
}

/** Links of the first generation do not name it. */
function signatureOf(path: string, exp: string, generation: number, secret: string): string {
  const about = [path, exp, ...(generation > 0 ? [generation] : [])]
  const mac = hmac(sha256, encode(secret), encode(`fableframe link\n${about.join('\n')}`))
  return btoa(String.fromCharCode(...mac))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

/** In a time that depends on the lengths alone. */
function isEqual(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let differs = 0
  for (let i = 0; i < a.length; i++) differs |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return differs === 0
}
