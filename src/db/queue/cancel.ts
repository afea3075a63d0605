/** Cancelling stories on behalf of their app, or of an operator. */
import { and, eq, inArray, isNull, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { findStory, ofTenant, ownedBy, type Reader, type StoryWithFrames } from '../stories/stories.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'
import { end, nextVersion } from './transitions.ts'

/** Stories that one call takes on: a bound of what one statement writes. */
const AT_ONCE = 500

/**
 * End a queued story at once; ask the runner of a running one to stop; leave one that has ended as it is.
 *
 * @param reader who may cancel what it may read; undefined for an operator, who may cancel anybody's.
 */
export async function cancel(db: Db, id: string, reader: Reader, now: number): Promise<StoryWithFrames | undefined> {
  await db.batch(cancelQueries(db, ownedBy(id, reader), now))
  return findStory(db, id, reader)
}

/** The stories of one key, or of all keys of one tenant. */
export type Owner = { apiKeyId: string } | { tenant: string }

/** Cancel what the owner has queued or running. Answers the ids of those that were canceled, and of those to be stopped. */
export async function cancelAll(db: Db, owner: Owner, now: number) {
  const rows = await db
    .select({ id: stories.id })
    .from(stories)
    .where(and(ofOwner(db, owner), inArray(stories.status, ['queued', 'running']), eq(stories.cancelRequested, false)))
    .limit(AT_ONCE)
  const [, stopping, canceled] = await db.batch(cancelQueries(db, isAmong(rows), now))
  return { canceled: idsOf(canceled), stopping: idsOf(stopping), more: rows.length === AT_ONCE }
}

/** Ids of stories of the owner that have content, ended or not: at most as many as one call takes on. */
export async function withContent(db: Db, owner: Owner): Promise<string[]> {
  const rows = await db
    .select({ id: stories.id })
    .from(stories)
    .where(and(ofOwner(db, owner), isNull(stories.dataRemovedAt), sql`NOT ${isGoing}`))
    .limit(AT_ONCE)
  return idsOf(rows)
}

/** It runs, and will be erased as soon as it has ended. */
const isGoing = sql`(${stories.status} = 'running' AND ${stories.retentionMs} IS NOT NULL AND ${stories.retentionMs} = 0)`

const ofOwner = (db: Db, owner: Owner) =>
  'tenant' in owner ? ofTenant(db, owner.tenant) : eq(stories.apiKeyId, owner.apiKeyId)

const isAmong = (rows: { id: string }[]) =>
  sql`${stories.id} IN (SELECT value FROM json_each(${JSON.stringify(idsOf(rows))}))`

const idsOf = (rows: { id: string }[]) => rows.map(({ id }) => id)

function cancelQueries(db: Db, where: SQL | undefined, now: number) {
  const queued = and(where, eq(stories.status, 'queued'))
  const running = and(where, eq(stories.status, 'running'), eq(stories.cancelRequested, false))
  const requested = { cancelRequested: true, version: nextVersion }
  return [
    enqueueWebhook(db, 'story.canceled', queued, now),
    db.update(stories).set(requested).where(running).returning({ id: stories.id }),
    db
      .update(stories)
      .set({ ...requested, ...end('canceled', now) })
      .where(queued)
      .returning({ id: stories.id }),
  ] as const
}
