/** Reference pictures that the edge keeps: validated, stored under their hash, removed when nothing needs them. */
import type { Context } from 'hono'
import type { BANK_TYPE } from '../../../contract/bank.ts'
import { LIMITS, Reference } from '../../../contract/story.ts'
import { keepPicture } from '../../db/characters/pictures.ts'
import type { ApiKeyRow } from '../../db/keys/api-keys.ts'
import type { PictureType, StoredReference } from '../../db/schema/files.ts'
import { base32, sha256 } from '../../platform/ids.ts'
import { refuseUrl } from '../../platform/url-guard.ts'
import { storeObject } from '../../upkeep/objects.ts'
import type { AppEnv } from '../http/app-env.ts'
import { ProblemError } from '../http/problems.ts'

/** The first twelve bytes in hex. */
const MAGIC: [PictureType, RegExp][] = [
  ['image/png', /^89504e470d0a1a0a/],
  ['image/jpeg', /^ffd8ff/],
  ['image/webp', /^52494646.{8}57454250/],
]

/** `sha256` in hex. */
export type Picture = { contentType: PictureType; bytes: Uint8Array<ArrayBuffer>; sha256: string }

/**
 * What was given as a reference: a URL to fetch, a picture, or why it is neither. Only the first bytes of a picture are
 * checked. The runner decodes it, within bounds, and fails the story if it cannot.
 */
export async function readReference(
  given: string | File,
  allowInsecure: boolean,
): Promise<{ url: string } | Picture | { wrong: string }> {
  if (given instanceof File) {
    if (given.size > LIMITS.referenceBytes) return { wrong: tooLarge(given.size) }
    return pictureOf(new Uint8Array(await given.arrayBuffer()))
  }
  const parsed = Reference.safeParse(given)
  if (!parsed.success) return { wrong: parsed.error.issues[0]?.message ?? 'no reference' }
  if (given.startsWith('data:')) return pictureOf(decodeBase64(given.slice(given.indexOf(',') + 1)))
  const wrong = refuseUrl(given, allowInsecure)
  return wrong === undefined ? { url: given } : { wrong }
}

const NO_PICTURE = 'no picture: it does not begin as PNG, JPEG or WebP do'

function typeOf(bytes: Uint8Array | undefined): PictureType | undefined {
  const start = Array.from(bytes?.subarray(0, 12) ?? [], (byte) => byte.toString(16).padStart(2, '0')).join('')
  return MAGIC.find(([, magic]) => magic.test(start))?.[0]
}

/** Why a data URI is no picture, judging by its first bytes: `MAGIC` takes 12 of them, 16 characters of base64. */
export function refuseDataUri(uri: string): string | undefined {
  const comma = uri.indexOf(',') + 1
  return typeOf(decodeBase64(uri.slice(comma, comma + 16))) ? undefined : NO_PICTURE
}

async function pictureOf(bytes: Uint8Array<ArrayBuffer> | undefined): Promise<Picture | { wrong: string }> {
  const contentType = typeOf(bytes)
  if (!bytes || !contentType) return { wrong: NO_PICTURE }
  return { contentType, bytes, sha256: await sha256(bytes) }
}

const tooLarge = (size: number) => `has ${size} bytes; at most ${LIMITS.referenceBytes}`

export function decodeBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
  } catch {
    return undefined
  }
}

export async function storePicture(c: Context<AppEnv>, apiKeyId: string, picture: Picture): Promise<StoredReference> {
  const { sha256, contentType, bytes } = picture
  await storeReference(c, apiKeyId, picture)
  return { sha256, contentType, size: bytes.length }
}

/**
 * Picture or bank. The key in R2 is new each time, so that deleting what was not kept can never take
 * away what another upload has.
 */
export async function storeReference(
  c: Context<AppEnv>,
  apiKeyId: string,
  { contentType, bytes, sha256 }: Omit<Picture, 'contentType'> & { contentType: PictureType | typeof BANK_TYPE },
): Promise<void> {
  const { db, tools, apiKey } = c.var
  const key = `references/${apiKeyId}/${sha256}-${base32(tools.randomBytes(5))}`
  const picture = { key, apiKeyId, sha256, contentType, bytes: bytes.length }
  const kept = await storeObject(c.env, db, { key, bytes, sha256, contentType }, tools.now(), () =>
    keepPicture(db, picture, tools.now()),
  )
  if (kept === undefined) throw noRoom(apiKey)
}

export const noRoom = ({ maxStoredBytes }: ApiKeyRow) =>
  new ProblemError('storage-full', `the API key may store ${maxStoredBytes} bytes; delete files or characters first`)
