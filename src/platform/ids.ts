/** API keys and ids: how they are drawn, spelt and hashed. */
import type { ApiKeyRow } from '../db/keys/api-keys.ts'
import type { apiKeys } from '../db/schema/stories.ts'
import type { Tools } from './env.ts'

const PREFIX = 'ff_live_'
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
const KEY_FORMAT = /^ff_live_([a-z2-7]{32})([a-z2-7]{7})$/

type Random = Pick<Tools, 'randomBytes'>
type Clock = Pick<Tools, 'now'>
export type KeyOptions = Partial<
  Pick<ApiKeyRow, 'scopes' | 'retentionDays' | 'createsPerMinute' | 'expiresAt' | 'weight' | 'maxRunning' | 'maxQueued'>
>

/**
 * How a key is spelt: `ff_live_`, 160 random bits, and the CRC-32 of these, so that a mistyped or made-up key is refused
 * without a look into the database.
 */
export function newKeyText({ randomBytes }: Random): string {
  const random = base32(randomBytes(20))
  return `${PREFIX}${random}${checksum(random)}`
}

/** A new key beside its row, because the row does not hold it. */
export async function newApiKey(name: string, tools: Random & Clock, options: KeyOptions = {}) {
  const key = newKeyText(tools)
  return { key, row: await apiKeyRow(key, name, tools, options) }
}

/** The row of a key that exists already; throws when it is not spelt like one. */
export async function apiKeyRow(key: string, name: string, tools: Random & Clock, options: KeyOptions = {}) {
  return {
    id: `key_${base32(tools.randomBytes(10))}`,
    name,
    ...(await hashedKey(key)),
    webhookSecret: newWebhookSecret(tools.randomBytes),
    createdAt: tools.now(),
    ...options,
  } satisfies typeof apiKeys.$inferInsert
}

/** What is kept of a key; throws when it is not spelt like one. */
export async function hashedKey(key: string): Promise<{ hash: string; prefix: string }> {
  if (!isWellFormed(key))
    throw new Error(`not an API key: ${key.slice(0, 12)}… (${key.length} characters); a key is made by newApiKey()`)
  return { hash: await sha256(new TextEncoder().encode(key)), prefix: key.slice(0, PREFIX.length + 4) }
}

/** 32 random bytes in standard base64: the URL-safe alphabet would not pass Replicate's verifier. */
export const newWebhookSecret = (randomBytes: Tools['randomBytes']) =>
  `whsec_${btoa(String.fromCharCode(...randomBytes(32)))}`

export function isWellFormed(key: string): boolean {
  const [, random, sum] = KEY_FORMAT.exec(key) ?? []
  return random !== undefined && checksum(random) === sum
}

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
