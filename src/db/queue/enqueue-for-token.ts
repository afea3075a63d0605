/**
 * Taking in the story of a client token. Nothing was written when the token was made: what it has used is what the stories
 * say that it created, and the insert itself counts them.
 */
import { and, eq, gt, isNull, lt, or, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { type Once, onceFor } from '../idempotency.ts'
import { valuesOf } from '../rows.ts'
import type { IdempotencyRow } from '../schema/idempotency.ts'
import { apiKeys } from '../schema/keys.ts'
import { type StoryRow, stories } from '../schema/stories.ts'

/** What a token may create in all, under a key whose links have this generation. */
export interface TokenLimits {
  id: string
  generation: number
  stories: number
  frames: number
}

/**
 * Queue a story that `token` creates, or answer what is remembered when the request came before. `refused` when the token
 * has no room for it, or its key no room or no force: exactly then, however many requests come at the same time.
 */
export async function enqueueForToken(
  db: Db,
  token: TokenLimits,
  story: StoryRow,
  now: number,
  once: Once | undefined,
): Promise<'queued' | 'refused' | IdempotencyRow> {
  const insert = (where: SQL) =>
    db
      .insert(stories)
      .select(sql`SELECT ${valuesOf(stories, story)} WHERE ${where}`)
      .returning({ id: stories.id })
  const admitted = and(hasRoom(token, story.frameCount), isAdmitted(db, token, story.apiKeyId, now))!
  if (!once) return (await insert(admitted)).length > 0 ? 'queued' : 'refused'
  const { take, isTaken, read } = onceFor(db, once, { apiKeyId: story.apiKeyId, id: story.id, where: admitted }, now)
  const [, , , [remembered]] = await db.batch([...take, insert(isTaken), read])
  if (!remembered) return 'refused'
  return remembered.resourceId === story.id ? 'queued' : remembered
}

/** What a token has created so far. */
export async function usedBy(db: Db, clientToken: string): Promise<{ stories: number; frames: number }> {
  const [used] = await db
    .select({ stories: sql<number>`count(*)`, frames: sql<number>`coalesce(sum(${stories.frameCount}), 0)` })
    .from(stories)
    .where(eq(stories.clientToken, clientToken))
  return used ?? { stories: 0, frames: 0 }
}

function hasRoom(token: TokenLimits, frames: number): SQL {
  return sql`(SELECT count(*) < ${token.stories} AND coalesce(sum(frame_count), 0) + ${frames} <= ${token.frames}
    FROM stories WHERE client_token = ${token.id})`
}

function isAdmitted(db: Db, { generation }: TokenLimits, apiKeyId: string, now: number): SQL {
  const inForce = and(
    eq(apiKeys.id, apiKeyId),
    isNull(apiKeys.revokedAt),
    or(isNull(apiKeys.expiresAt), gt(apiKeys.expiresAt, now)),
    eq(apiKeys.linkGeneration, generation),
    lt(apiKeys.queued, apiKeys.maxQueued),
  )
  return sql`EXISTS ${db.select({ id: apiKeys.id }).from(apiKeys).where(inForce)}`
}
