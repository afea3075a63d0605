/** Rows of `api_keys`: who may post stories. Only the hash of a key is kept. */
import { and, desc, eq, gte, type Placeholder, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { apiKeys } from '../schema/keys.ts'
import { queueClocks, queueShares } from '../schema/queue.ts'
import { frames, stories } from '../schema/stories.ts'
import { type Actor, auditQuery } from './audit.ts'

export type ApiKeyRow = typeof apiKeys.$inferSelect

/** Keep a key; one that is already known stays as it is. Answers the row that is there afterwards. */
export async function insertApiKey(db: Db, key: typeof apiKeys.$inferInsert): Promise<ApiKeyRow> {
  const [, [row]] = await db.batch([
    db.insert(apiKeys).values(key).onConflictDoNothing({ target: apiKeys.hash }),
    db.select().from(apiKeys).where(eq(apiKeys.hash, key.hash)),
  ])
  if (!row) throw new Error(`the key ${key.id} was not kept`)
  return row
}

/** The key that has this SHA-256 (hex), or had it before a rotation that still overlaps; undefined when unknown or revoked. */
export async function findApiKey(db: Db, hash: string, now: number): Promise<ApiKeyRow | undefined> {
  return db
    .select()
    .from(apiKeys)
    .where(isShownBy(sql`${hash}`, sql`${now}`))
    .get()
}

/** The key has this hash, or had it before a rotation that still overlaps, and is not revoked. */
export const isShownBy = (hash: SQL | Placeholder, now: SQL | Placeholder): SQL =>
  sql`(${apiKeys.hash} = ${hash} OR ${apiKeys.previousHash} = ${hash} AND ${apiKeys.previousHashUntil} > ${now})
    AND ${apiKeys.revokedAt} IS NULL`

/** The key may store so many bytes more besides its stories. */
export const hasRoom = (id: string, bytes: number): SQL =>
  sql`EXISTS (SELECT 1 FROM ${apiKeys} WHERE ${apiKeys.id} = ${id} AND ${apiKeys.storedBytes} + ${bytes} <= ${apiKeys.maxStoredBytes})`

/** All of them, newest first, revoked ones too. */
export async function listApiKeys(db: Db): Promise<ApiKeyRow[]> {
  return db.select().from(apiKeys).orderBy(desc(apiKeys.createdAt), desc(apiKeys.id))
}

/** Whether it is in force or not. */
export const findKey = (db: Db, id: string): Promise<ApiKeyRow | undefined> =>
  db.select().from(apiKeys).where(eq(apiKeys.id, id)).get()

/**
 * Refuse a key from now on. Answers its row, unchanged if it was revoked before; undefined when there is none.
 *
 * @param endLinks whether the signed links to what it has made end too.
 */
export async function revokeApiKey(
  db: Db,
  id: string,
  { endLinks, by }: { endLinks: boolean; by: Actor },
  now: number,
): Promise<ApiKeyRow | undefined> {
  const audited = { ...by, action: 'key.revoked', target: id, detail: { links: endLinks } } as const
  const [, [row]] = await db.batch([
    auditQuery(db, audited, now, isThere(id)),
    db
      .update(apiKeys)
      .set({
        revokedAt: sql`coalesce(${apiKeys.revokedAt}, ${now})`,
        ...(endLinks && { linkGeneration: sql`${apiKeys.linkGeneration} + 1` }),
      })
      .where(eq(apiKeys.id, id))
      .returning(),
  ])
  return row
}

/** End all signed links to what the key has made; views have new ones from now on. */
export async function revokeLinks(db: Db, id: string, by: Actor, now: number): Promise<ApiKeyRow | undefined> {
  const [, [row]] = await db.batch([
    auditQuery(db, { ...by, action: 'key.links_revoked', target: id }, now, isThere(id)),
    db
      .update(apiKeys)
      .set({ linkGeneration: sql`${apiKeys.linkGeneration} + 1` })
      .where(eq(apiKeys.id, id))
      .returning(),
  ])
  return row
}

const isThere = (id: string) => sql`EXISTS (SELECT 1 FROM ${apiKeys} WHERE ${apiKeys.id} = ${id})`

export type KeyChanges = Partial<
  Pick<ApiKeyRow, 'tenant' | 'createsPerMinute' | 'weight' | 'maxRunning' | 'maxQueued' | 'maxStoredBytes' | 'origins'>
>

/**
 * Change what bounds a key. Caps and weight are read whenever a story is taken in or claimed, so they count at once. What
 * a key has left to wait for its turn was measured in its old weight, and is measured anew in the new one (CLIENT_MODIFY
 * of Waldspurger and Weihl, 1995): else a key of small weight that is given a large one would sit out its old stride.
 * Answers the row; undefined when there is none.
 */
export async function updateApiKey(
  db: Db,
  id: string,
  changes: KeyChanges,
  by: Actor,
  now: number,
): Promise<ApiKeyRow | undefined> {
  const clock = sql`(SELECT ${queueClocks.pass} FROM ${queueClocks} WHERE ${queueClocks.model} = ${queueShares.model})`
  const old = sql`(SELECT ${apiKeys.weight} FROM ${apiKeys} WHERE ${apiKeys.id} = ${id})`
  const { weight = null } = changes
  const [, , [row]] = await db.batch([
    auditQuery(db, { ...by, action: 'key.updated', target: id, detail: changes }, now, isThere(id)),
    db
      .update(queueShares)
      .set({ pass: sql`${clock} + (${queueShares.pass} - ${clock}) * ${old} / ${weight}` })
      .where(and(eq(queueShares.apiKeyId, id), sql`${queueShares.pass} > ${clock}`, sql`${weight} IS NOT NULL`)),
    db.update(apiKeys).set(changes).where(eq(apiKeys.id, id)).returning(),
  ])
  return row
}

/** What a key used on each day (UTC) from `since` on, newest first. A story counts on the day it was accepted. */
export async function usageOf(db: Db, apiKeyId: string, since: number) {
  const day = sql<string>`date(${stories.createdAt} / 1000, 'unixepoch')`
  const finished = sql`(SELECT count(*) FROM ${frames} WHERE ${frames.storyId} = ${stories.id})`
  return db
    .select({
      day,
      stories: sql<number>`count(*)`,
      frames: sql<number>`sum(${finished})`,
      runnerMs: sql<number>`coalesce(sum(${stories.completedAt} - ${stories.startedAt}), 0)`,
    })
    .from(stories)
    .where(and(eq(stories.apiKeyId, apiKeyId), gte(stories.createdAt, since)))
    .groupBy(day)
    .orderBy(desc(day))
}
