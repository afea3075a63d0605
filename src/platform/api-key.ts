/** How an API key is spelt, checked and hashed. */
import { hmac } from '@noble/hashes/hmac.js'
import { sha256 as sha256Now } from '@noble/hashes/sha2.js'
import type { Tools } from './env.ts'
import { base32, sha256 } from './ids.ts'

const PREFIX = 'ff_live_'
const KEY_FORMAT = /^ff_live_([a-z2-7]{32})([a-z2-7]{7})$/

/**
 * How a key is spelt: `ff_live_`, 160 random bits, and the CRC-32 of these, so that a mistyped or made-up key is refused
 * without a look into the database.
 */
export function newKeyText({ randomBytes }: Pick<Tools, 'randomBytes'>): string {
  const random = base32(randomBytes(20))
  return `${PREFIX}${random}${checksum(random)}`
}

/** A key that can be derived again from a secret of the edge and a random salt, but from neither alone. */
export function derivedKeyText(secret: string, salt: string): string {
  const encode = (text: string) => new TextEncoder().encode(text)
  const mac = hmac(sha256Now, encode(secret), encode(`fableframe key\n${salt}`))
  return newKeyText({ randomBytes: (count) => mac.slice(0, count) })
}

/** What is kept of a key; throws when it is not spelt like one. */
export async function hashedKey(key: string): Promise<{ hash: string; prefix: string }> {
  if (!isWellFormed(key))
    throw new Error(`not an API key: ${key.slice(0, 12)}… (${key.length} characters); a key is made by newApiKey()`)
  return { hash: await sha256(new TextEncoder().encode(key)), prefix: key.slice(0, PREFIX.length + 4) }
}

export function isWellFormed(key: string): boolean {
  const [, random, sum] = KEY_FORMAT.exec(key) ?? []
  return random !== undefined && checksum(random) === sum
}

/** CRC-32 (IEEE) of ASCII text, as 7 characters of base32. */
function checksum(text: string): string {
  let crc = -1
  for (let i = 0; i < text.length; i++) {
    crc ^= text.charCodeAt(i)
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  const sum = ~crc
  return base32(Uint8Array.of(sum >>> 24, sum >>> 16, sum >>> 8, sum))
}
