/** HMAC-SHA256 of what the edge hands out, to know it again. Synchronous, unlike WebCrypto: every view of a story holds some. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { base64url } from './base64.ts'

const encode = (text: string) => new TextEncoder().encode(text)

/** As base64url. */
export const macOf = (text: string, secret: string) => base64url(hmac(sha256, encode(secret), encode(text)))

/** Whether `mac` is that of `text` under one of the secrets; in a time that depends on lengths alone. */
export const isMacOf = (mac: string, text: string, secrets: readonly string[]) =>
  secrets.some((secret) => isEqual(mac, macOf(text, secret)))

function isEqual(a: string, b: string): boolean {
  if (a.length !== b.length) return false
  let differs = 0
  for (let i = 0; i < a.length; i++) differs |= a.charCodeAt(i) ^ b.charCodeAt(i)
  return differs === 0
}
