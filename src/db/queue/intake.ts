/** Taking a story in: its row, and what is remembered under its Idempotency-Key. */
import { getTableColumns } from 'drizzle-orm'
import type { StoryRequest } from '../../../contract/story.ts'
import type { Db } from '../client.ts'
import { insertOnce, type Once } from '../idempotency.ts'
import { type IdempotencyRow, type StoredPrediction, type StoryRow, stories } from '../schema/stories.ts'
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
