/**
 * Rows of `frames`: pictures that are done. A row is written once and outlives the lease it was generated under; when
 * the frame is to be redrawn, it goes to `past_frames`.
 */
import { and, asc, eq, exists, inArray, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { keepObject } from '../objects/deletions.ts'
import { begin, heldBy } from '../queue/transitions.ts'
import { type FrameRow, frames, pastFrames, type StoredPicture, stories } from '../schema/stories.ts'
import { enqueueWebhook } from '../webhooks/outbox.ts'

/**
 * Add a frame if `leaseToken` holds the story. Answers the row that is there afterwards, which is the older one when
 * the frame had been stored before; undefined when the lease is stale.
 */
export async function insertFrame(
  db: Db,
  storyId: string,
  leaseToken: string,
  frame: StoredPicture & { index: number; seed: number },
  now: number,
): Promise<FrameRow | undefined> {
  const existing = sql`EXISTS (SELECT 1 FROM ${frames} WHERE ${frames.storyId} = ${storyId} AND ${frames.index} = ${frame.index})`
  const addable = and(heldBy(storyId, leaseToken), sql`NOT ${existing}`)
  const row = db
    .select({
      storyId: stories.id,
      index: sql<number>`${frame.index}`.as('index'),
      key: sql<string>`${frame.key}`.as('key'),
      sha256: sql<string>`${frame.sha256}`.as('sha256'),
      width: sql<number>`${frame.width}`.as('width'),
      height: sql<number>`${frame.height}`.as('height'),
      seed: sql<number>`${frame.seed}`.as('seed'),
      attempt: stories.attempt,
      createdAt: sql<number>`${now}`.as('created_at'),
      revision: sql<number>`(SELECT count(*) FROM ${pastFrames} WHERE ${pastFrames.storyId} = ${storyId}
        AND ${pastFrames.index} = ${frame.index})`.as('revision'),
    })
    .from(stories)
    .where(addable)
  const isShown = exists(
    db
      .select({ key: frames.key })
      .from(frames)
      .where(and(eq(frames.storyId, storyId), eq(frames.index, frame.index), eq(frames.key, frame.key))),
  )
  const [, , , , , held] = await db.batch([
    begin(db, addable, now),
    enqueueWebhook(db, 'story.frame.completed', addable, now, sql`${`_${frame.index}`}`),
    db
      .update(stories)
      .set({ version: sql`${stories.version} + 1` })
      .where(addable),
    db.insert(frames).select(row),
    keepObject(db, frame.key, isShown),
    db
      .select({ frame: frames })
      .from(stories)
      .leftJoin(frames, and(eq(frames.storyId, stories.id), eq(frames.index, frame.index)))
      .where(heldBy(storyId, leaseToken)),
  ])
  return held[0]?.frame ?? undefined
}

/** A picture by its name: the frame as it is, or as it was before it was redrawn. */
export async function findFrame(db: Db, storyId: string, index: number, revision: number) {
  const of = (table: typeof frames | typeof pastFrames) =>
    and(eq(table.storyId, storyId), eq(table.index, index), eq(table.revision, revision))
  const [[current], [past]] = await db.batch([
    db.select().from(frames).where(of(frames)),
    db.select().from(pastFrames).where(of(pastFrames)),
  ])
  return current ?? past
}

export async function framesOf(db: Db, storyIds: string[]): Promise<FrameRow[]> {
  return db.select().from(frames).where(inArray(frames.storyId, storyIds)).orderBy(asc(frames.index))
}
