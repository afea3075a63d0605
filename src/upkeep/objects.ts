/** Objects in R2: stored so that none is left without a name, deleted so that one that cannot be stands in no other's way. */
import type { Db } from '../db/client.ts'
import {
  beginUpload,
  type Deletion,
  dueDeletions,
  postponeDeletions,
  settleDeletions,
  settleStory,
} from '../db/objects/deletions.ts'
import type { Bindings } from '../platform/env.ts'
import { logError } from '../platform/log.ts'

/** What R2 deletes in one call. */
const KEYS_A_CALL = 1000
/** Calls to R2 of one run, so that with those to D1 a run stays far below the 1,000 that a Worker may make of each. */
const MOST_CALLS = 120
/** Objects that failed before, each deleted by itself in one run. */
const MOST_RETRIES = 60

type Stores = Pick<Bindings, 'IMAGES'>

export interface StoredObject {
  key: string
  bytes: Uint8Array<ArrayBuffer>
  /** Hex. */
  sha256: string
  contentType: string
}

/**
 * Put an object under a new key, and then `name` it in the database. `name` answers the key that counts; with any other
 * than the object's own, the object goes again. If all this breaks off, `dueDeletions` has the key.
 */
export async function storeObject<Key extends string | undefined>(
  env: Stores,
  db: Db,
  object: StoredObject,
  now: number,
  name: () => Promise<Key>,
): Promise<Key> {
  await beginUpload(db, object.key, now)
  await putObject(env, object)
  const kept = await name()
  if (kept !== object.key) await discardObject(env, db, object.key, null)
  return kept
}

export async function putObject(env: Stores, { key, bytes, sha256, contentType }: StoredObject): Promise<void> {
  await env.IMAGES.put(key, bytes, { sha256, httpMetadata: { contentType } })
}

/** Delete an object whose deletion is enqueued. Does not throw: what fails is left to `deleteDueObjects`. */
export async function discardObject(env: Stores, db: Db, key: string, storyId: string | null): Promise<void> {
  try {
    await env.IMAGES.delete(key)
    await settleDeletions(db, [{ key, storyId }])
  } catch (error) {
    logError('objects.discard', error, { key })
  }
}

/** Delete what is due. A thousand go in one call; of a call that fails, halves are tried, down to those that cannot be deleted. */
export async function deleteDueObjects(env: Stores, db: Db, now: number): Promise<void> {
  let calls = 0
  while (calls < MOST_CALLS) {
    const due = await dueDeletions(db, 'untried', { now, limit: KEYS_A_CALL })
    if (due.length === 0) break
    await deleteAll(due)
    if (due.length < KEYS_A_CALL) break
  }
  for (const deletion of await dueDeletions(db, 'tried', { now, limit: MOST_RETRIES })) await deleteAll([deletion])

  async function deleteAll(some: Deletion[]): Promise<void> {
    calls++
    try {
      await env.IMAGES.delete(some.map(({ key }) => key))
    } catch (error) {
      if (some.length > 1 && calls < MOST_CALLS) {
        const half = some.length >> 1
        await deleteAll(some.slice(0, half))
        return deleteAll(some.slice(half))
      }
      logError('objects.delete', error, { count: some.length, key: some[0]?.key })
      return postponeDeletions(db, some, now)
    }
    await settleDeletions(db, some)
  }
}

/**
 * Delete all that was ever stored of a story whose content was removed. False when something is left, which
 * `deleteDueObjects` goes on with.
 */
export async function deleteStoryObjects(env: Stores, db: Db, id: string, now: number): Promise<boolean> {
  try {
    for (;;) {
      const { objects } = await env.IMAGES.list({ prefix: `stories/${id}/` })
      if (objects.length === 0) break
      await env.IMAGES.delete(objects.map(({ key }) => key))
    }
  } catch (error) {
    logError('objects.story', error, { story: id })
    return false
  }
  return settleStory(db, id, now)
}
