/** HMAC-SHA256 of what the edge hands out, to know it again. Synchronous, unlike WebCrypto: every view of a story holds some. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'

const encode = (text: string) => new TextEncoder().encode(text)

/** As base64url. */
export const macOf = (text: string, secret: string) => base64url(hmac(sha256, encode(secret), encode(text)))

/** Whether `mac` is that of `text` under one of the secrets; in a time that depends on lengths alone. */
export const isMacOf = (mac: string, text: string, secrets: readonly string[]) =>
  secrets.some((secret) => isEqual(mac, macOf(text, secret)))

/** RFC 4648, section 5, without padding. */
export function base64url(bytes: Uint8Array): string {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll('+', '-')
    .replaceAll('/', '_')
    .replaceAll('=', '')
}

function isEqual(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let differs = 0
  for (let i = 0; i < a.length; i++) differs |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return differs === 0
}
