/** Pictures and other files that runners upload: checked, put into R2, and kept as a row under the lease. */
import type { Context } from 'hono'
import { MAX_IMAGE_BYTES, type StoredImage } from '../../../contract/runner.ts'
import { beginStoryUpload } from '../../db/objects/deletions.ts'
import type { StoredFile, StoredPicture } from '../../db/schema/stories.ts'
import { keepPage } from '../../db/stories/pages.ts'
import { base32, sha256 } from '../../platform/ids.ts'
import { discardObject, putObject, type StoredObject } from '../../upkeep/objects.ts'
import { announce } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { limitBody } from '../http/body.ts'
import { invalid } from '../http/problems.ts'
import { binary } from '../http/routes.ts'
import { type LeaseState, leaseOf, staleLease, staleLeaseOf } from './lease.ts'
import { inspectPng } from './png.ts'

/** The `request.body` of a route that takes a picture, and its limit. */
export const pngBody = { required: true, content: { 'image/png': { schema: binary() } } }
export const limitPicture = limitBody(MAX_IMAGE_BYTES)

/** Take the body for a page that shows all frames of a story; one that is there stays. */
export async function storePage(c: Context<AppEnv>, storyId: string, page: 'storyboard' | 'consistencySheet') {
  const { id, leaseToken, db } = leaseOf(c, storyId)
  const stored = await storePicture(c, id, (picture) => keepPage(db, id, leaseToken, page, picture))
  announce(c, id)
  return stored
}

/** Put an object of a story into R2. Throws before that unless the caller holds the story, and `check` finds no fault. */
export async function storeUnderLease(
  c: Context<AppEnv>,
  storyId: string,
  object: StoredObject,
  check?: (story: LeaseState) => void,
): Promise<void> {
  const { id, leaseToken, db } = leaseOf(c, storyId)
  const state = await beginStoryUpload(db, { key: object.key, storyId: id, leaseToken }, c.var.tools.now())
  if (!state?.held) throw staleLeaseOf(id, state)
  check?.(state)
  await putObject(c.env, object)
}

/** Put the body into R2, which has to be a PNG, then `keep` it as a row under the fence. */
export async function storePicture(
  c: Context<AppEnv>,
  storyId: string,
  keep: (picture: StoredPicture) => Promise<StoredPicture | undefined>,
  check?: (story: LeaseState) => void,
): Promise<StoredImage> {
  const bytes = new Uint8Array(await c.req.arrayBuffer())
  const size = inspectPng(bytes)
  if ('wrong' in size) throw invalid([{ pointer: '', message: `the picture ${size.wrong}` }])
  const file = { bytes, extension: 'png', contentType: 'image/png' }
  const kept = await storeFile(c, storyId, file, (stored) => keep({ ...stored, ...size }), check)
  return { sha256: kept.sha256, width: kept.width, height: kept.height }
}

/**
 * Put a file into R2, then `keep` it as a row under the fence. The name holds the hash of the content and something
 * random, so that deleting what was not kept can never take away what another upload has stored.
 */
export async function storeFile<Stored extends StoredFile>(
  c: Context<AppEnv>,
  storyId: string,
  { bytes, extension, contentType }: { bytes: Uint8Array<ArrayBuffer>; extension: string; contentType: string },
  keep: (file: StoredFile) => Promise<Stored | undefined>,
  check?: (story: LeaseState) => void,
): Promise<Stored> {
  const hash = await sha256(bytes)
  const key = `stories/${storyId}/${hash}-${base32(c.var.tools.randomBytes(5))}.${extension}`
  await storeUnderLease(c, storyId, { key, bytes, sha256: hash, contentType }, check)
  const kept = await keep({ key, sha256: hash })
  if (kept?.key !== key) await discardObject(c.env, c.var.db, key, storyId)
  if (!kept) throw await staleLease(c, storyId)
  return kept
}
