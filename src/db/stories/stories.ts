/** What apps read of rows of `stories`. An app sees the stories of its own API key only. */
import { and, desc, eq, gte, inArray, lt, type SQL, sql } from 'drizzle-orm'
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core'
import type { StoryStatus } from '../../../contract/story-view.ts'
import type { Db } from '../client.ts'
import { type Outlook, outlookOf, outlookQueries } from '../queue/outlook.ts'
import { apiKeys } from '../schema/keys.ts'
import { type FrameRow, frames, type StoryRow, stories } from '../schema/stories.ts'
import { framesOf } from './frames.ts'

/** `linkGeneration` is that of its key, for the links of its views. */
export type StoryWithFrames = { story: StoryRow; frames: FrameRow[]; linkGeneration: number }
export type StoryInQueue = StoryWithFrames & { outlook: Outlook }

/**
 * Who reads: an API key, by its id; the holder of a link of this generation; a client token, which sees what it has created.
 * Undefined for the edge itself.
 */
export type Reader = string | { linkGeneration: number } | { clientToken: string } | undefined

/** Both queries see one state, because a batch is one transaction. */
export async function findStory(db: Db, id: string, reader?: Reader): Promise<StoryWithFrames | undefined> {
  const [[found], finished] = await db.batch(storyQueries(db, id, reader))
  return found && { ...found, frames: finished }
}

/** The same, with what its place in the queue and its times are estimated from, for those who read or follow one story. */
export async function findStoryInQueue(db: Db, id: string, reader?: Reader): Promise<StoryInQueue | undefined> {
  const [[found], finished, own, shares, history] = await db.batch([
    ...storyQueries(db, id, reader),
    ...outlookQueries(db, id),
  ])
  return found && { ...found, frames: finished, outlook: outlookOf(own, shares, history) }
}

const storyQueries = (db: Db, id: string, reader: Reader) =>
  [
    selectStories(db).where(ownedBy(id, reader)),
    db.select().from(frames).where(eq(frames.storyId, id)).orderBy(frames.index),
  ] as const

/** Grows with every change; undefined when there is no such story. Cheaper than the story, for those who wait. */
export async function versionOf(db: Db, id: string, reader?: Reader): Promise<number | undefined> {
  const row = await db.select({ version: stories.version }).from(stories).where(ownedBy(id, reader)).get()
  return row?.version
}

export type Cursor = { createdAt: number; id: string }

/** Unix milliseconds: from `after` on, and up to just before `before`. */
type Span = { after?: number; before?: number }

/** Which stories to list: of one key or of all keys of a tenant, or of everybody. */
export interface Listing extends Span {
  apiKeyId?: string
  tenant?: string
  status?: StoryStatus
  /** Those that a client token has created. */
  clientToken?: string
  /** Names and values of entries, all of which their metadata has; a number or a boolean as it is spelt in JSON. */
  metadata?: readonly (readonly [name: string, value: string])[]
}

/** Newest first, from just after `cursor`. */
export async function listStories(
  db: Db,
  { apiKeyId, tenant, status, clientToken, metadata = [], after, before }: Listing,
  cursor: Cursor | undefined,
  limit: number,
): Promise<StoryWithFrames[]> {
  const older = cursor && sql`(${stories.createdAt}, ${stories.id}) < (${cursor.createdAt}, ${cursor.id})`
  const conditions = [
    apiKeyId === undefined ? undefined : eq(stories.apiKeyId, apiKeyId),
    tenant === undefined ? undefined : ofTenant(db, tenant),
    status === undefined ? undefined : eq(stories.status, status),
    clientToken === undefined ? undefined : eq(stories.clientToken, clientToken),
    ...metadata.map(([name, value]) => hasMetadata(name, value)),
    after === undefined ? undefined : gte(stories.createdAt, after),
    before === undefined ? undefined : lt(stories.createdAt, before),
  ]
  const rows = await selectStories(db)
    .where(and(older, ...conditions))
    .orderBy(desc(stories.createdAt), desc(stories.id))
    .limit(limit)
  const finished = await framesOf(
    db,
    rows.map(({ story }) => story.id),
  )
  return rows.map((row) => ({ ...row, frames: finished.filter((frame) => frame.storyId === row.story.id) }))
}

const hasMetadata = (name: string, value: string) => sql`EXISTS (
  SELECT 1 FROM json_each(${stories.request}, '$.metadata') AS entry WHERE entry.key = ${name}
  AND CASE WHEN entry.type IN ('true', 'false', 'null') THEN entry.type ELSE CAST(entry.value AS TEXT) END = ${value})`

const selectStories = (db: Db) =>
  db
    .select({ story: stories, linkGeneration: apiKeys.linkGeneration })
    .from(stories)
    .innerJoin(apiKeys, eq(apiKeys.id, stories.apiKeyId))

export const ofTenant = (db: Db, tenant: string) =>
  inArray(stories.apiKeyId, db.select({ id: apiKeys.id }).from(apiKeys).where(eq(apiKeys.tenant, tenant)))

export function ownedBy(id: string, reader: Reader): SQL | undefined {
  const isToken = typeof reader === 'object' && 'clientToken' in reader
  return and(
    eq(stories.id, id),
    isToken ? eq(stories.clientToken, reader.clientToken) : readableBy(stories.apiKeyId, reader),
  )
}

/**
 * What belongs to the key `owner` may be read by that key, and by links of its present generation. A client token has
 * nothing but stories, which `ownedBy` finds.
 */
export function readableBy(owner: SQLiteColumn, reader: Reader): SQL | undefined {
  if (reader === undefined) return undefined
  if (typeof reader === 'string') return eq(owner, reader)
  if ('clientToken' in reader) return sql`FALSE`
  const present = sql`(SELECT ${apiKeys.linkGeneration} FROM ${apiKeys} WHERE ${apiKeys.id} = ${owner})`
  return sql`${present} = ${reader.linkGeneration}`
}
