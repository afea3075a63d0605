/**
 * Taking a story in: its row, and what is remembered under its Idempotency-Key. Without one, the insert itself looks
 * whether the API key is still in force and has room, so that a key that was read some time ago saves a query and
 * decides nothing.
 */
import { getTableColumns, sql } from 'drizzle-orm'
import type { Scope } from '../../../contract/key.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { Db } from '../client.ts'
import { insertOnce, type Once } from '../idempotency.ts'
import { type ApiKeyRow, isShownBy } from '../keys/api-keys.ts'
import type { IdempotencyRow } from '../schema/idempotency.ts'
import { apiKeys } from '../schema/keys.ts'
import { type StoredPrediction, type StoryRow, stories } from '../schema/stories.ts'
import { queueFields } from './fields.ts'

export interface NewStory {
  id: string
  apiKeyId: string
  request: StoryRequest
  model: string
  seed: number
  origin: string
  traceparent?: string | null
  /** How long its content is kept after its end; null for ever. */
  retentionMs?: number | null
  /** Null for stories that did not come by Replicate's wire. */
  prediction?: StoredPrediction | null
  /** How long after its acceptance the story has to be over, started or not; undefined for never. */
  cancelAfterMs?: number | undefined
}

/** The row of a story as it will be stored, so that its first answer can be made before it is. */
export function newStory({ cancelAfterMs, ...story }: NewStory, now: number): StoryRow {
  const values: typeof stories.$inferInsert = {
    ...story,
    webhook: story.request.webhook,
    frameCount: story.request.frames.length,
    status: 'queued',
    ...queueFields(story.request, cancelAfterMs, now),
    createdAt: now,
  }
  const given = new Map<string, unknown>(Object.entries(values))
  const row = Object.entries(getTableColumns(stories)).map(([name, { default: fallback }]) => [
    name,
    given.get(name) ?? fallback ?? null,
  ])
  // Every column of the table has its value, which no type of Object.fromEntries can say.
  return Object.fromEntries(row) as StoryRow
}

/** Queue a story, unless `once.key` has queued one before: see `insertOnce`, whose answer this is. */
export async function enqueue(db: Db, story: StoryRow, now: number, once?: Once): Promise<IdempotencyRow | undefined> {
  if (once) return insertOnce(db, stories, story, now, once)
  await db.insert(stories).values(story)
  return undefined
}

/** A key as it was read, and how it was presented: SHA-256 (hex), for something that takes `scope`. */
export interface PresentedKey {
  row: ApiKeyRow
  hash: string
  scope: Scope
}

/**
 * Queue a story. False, and nothing is queued, when the key is not in force any more, keeps stories for another time than
 * it did, or has as many stories waiting as may: exactly as many, however many requests come at the same time.
 */
export async function enqueueForKey(
  db: Db,
  { row, hash, scope }: PresentedKey,
  story: StoryRow,
  now: number,
): Promise<boolean> {
  const values: Record<string, unknown> = { hash, scope, now, retentionDays: row.retentionDays }
  for (const [name, value] of Object.entries(story)) values[`story.${name}`] = encode(name, value)
  return (await insertOf(db).all(values)).length > 0
}

const columns = new Map(Object.entries(getTableColumns(stories)))
const encode = (name: string, value: unknown) => (value === null ? null : columns.get(name)?.mapToDriverValue(value))

/** The text of the statement is the same for every story, and is made once: that costs more than all the rest here. */
const inserts = new WeakMap<Db, ReturnType<typeof prepareInsert>>()

function insertOf(db: Db) {
  const insert = inserts.get(db) ?? prepareInsert(db)
  inserts.set(db, insert)
  return insert
}

function prepareInsert(db: Db) {
  const { placeholder } = sql
  const values = sql.join(
    [...columns.keys()].map((name) => sql`${placeholder(`story.${name}`)}`),
    sql`, `,
  )
  const [hash, now] = [placeholder('hash'), placeholder('now')]
  return db
    .insert(stories)
    .select(
      sql`SELECT ${values} FROM ${apiKeys} WHERE ${apiKeys.id} = ${placeholder('story.apiKeyId')}
        AND ${isShownBy(hash, now)} AND (${apiKeys.expiresAt} IS NULL OR ${apiKeys.expiresAt} > ${now})
        AND EXISTS (SELECT 1 FROM json_each(${apiKeys.scopes}) WHERE value = ${placeholder('scope')})
        AND ${apiKeys.retentionDays} IS ${placeholder('retentionDays')}
        AND ${apiKeys.queued} < ${apiKeys.maxQueued}`,
    )
    .returning({ id: stories.id })
    .prepare()
}
