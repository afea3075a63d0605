/** What apps read of rows of `stories`. An app sees the stories of its own API key only. */
import { and, desc, eq, gte, lt, or } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { type Outlook, outlookOf, outlookQueries } from '../queue/outlook.ts'
import { type FrameRow, frames, type StoryRow, stories } from '../schema/stories.ts'
import { framesOf } from './frames.ts'

export type StoryWithFrames = { story: StoryRow; frames: FrameRow[] }
export type StoryInQueue = StoryWithFrames & { outlook: Outlook }

/** Both queries see one state, because a batch is one transaction. */
export async function findStory(db: Db, id: string, apiKeyId?: string): Promise<StoryWithFrames | undefined> {
  const [[story], drawn] = await db.batch(storyQueries(db, id, apiKeyId))
  return story && { story, frames: drawn }
}

/** The same with what its place in the queue and its times are told from, for those who read or follow one story. */
export async function findStoryInQueue(db: Db, id: string, apiKeyId?: string): Promise<StoryInQueue | undefined> {
  const [[story], drawn, own, shares, history] = await db.batch([
    ...storyQueries(db, id, apiKeyId),
    ...outlookQueries(db, id),
  ])
  return story && { story, frames: drawn, outlook: outlookOf(own, shares, history) }
}

const storyQueries = (db: Db, id: string, apiKeyId: string | undefined) =>
  [
    db.select().from(stories).where(ownedBy(id, apiKeyId)),
    db.select().from(frames).where(eq(frames.storyId, id)).orderBy(frames.index),
  ] as const

/** Grows with every change; undefined when there is no such story. Cheaper than the story, for those who wait. */
export async function versionOf(db: Db, id: string, apiKeyId?: string): Promise<number | undefined> {
  const row = await db.select({ version: stories.version }).from(stories).where(ownedBy(id, apiKeyId)).get()
  return row?.version
}

export type Cursor = { createdAt: number; id: string }

/** Unix milliseconds: from `after` on, and up to just before `before`. */
export type Span = { after?: number; before?: number }

/** Newest first, from just after `cursor`; of those that were created within `span`. */
export async function listStories(
  db: Db,
  apiKeyId: string,
  cursor: Cursor | undefined,
  limit: number,
  { after, before }: Span = {},
): Promise<StoryWithFrames[]> {
  const older = cursor && or(lt(stories.createdAt, cursor.createdAt), and(at(cursor), lt(stories.id, cursor.id)))
  const within = [
    after === undefined ? undefined : gte(stories.createdAt, after),
    before === undefined ? undefined : lt(stories.createdAt, before),
  ]
  const rows = await db
    .select()
    .from(stories)
    .where(and(eq(stories.apiKeyId, apiKeyId), older, ...within))
    .orderBy(desc(stories.createdAt), desc(stories.id))
    .limit(limit)
  const drawn = await framesOf(
    db,
    rows.map((story) => story.id),
  )
  return rows.map((story) => ({ story, frames: drawn.filter((frame) => frame.storyId === story.id) }))
}

export const ownedBy = (id: string, apiKeyId: string | undefined) =>
  and(eq(stories.id, id), apiKeyId === undefined ? undefined : eq(stories.apiKeyId, apiKeyId))
const at = (cursor: Cursor) => eq(stories.createdAt, cursor.createdAt)
