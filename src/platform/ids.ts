/** Ids and secrets: how they are generated, spelt and hashed. */
import { base64 } from './base64.ts'
import type { Tools } from './env.ts'

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'

/** 32 random bytes in standard base64: the URL-safe alphabet would not pass Replicate's verifier. */
export const newWebhookSecret = (randomBytes: Tools['randomBytes']) => `whsec_${base64(randomBytes(32))}`

/** 26 characters of a-z and 2-7: 130 bits, of which 128 are random. */
export const newStoryId = (randomBytes: Tools['randomBytes']) => base32(randomBytes(16))

/** Hex. */
export async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** RFC 4648 base32 in lower case, without padding. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let buffer = 0
  let bits = 0
  for (const byte of bytes) {
    buffer = ((buffer << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(buffer >>> (bits - 5)) & 31]
  }
  return bits > 0 ? text + ALPHABET[(buffer << (5 - bits)) & 31] : text
}
