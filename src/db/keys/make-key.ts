/**
 * Making and replacing API keys so that a lost answer can be had again. Only a hash of a key is kept, so the answer that
 * is remembered under the Idempotency-Key holds what the key was derived from instead (`platform/api-key.ts`).
 */
import { and, eq, gt, isNull, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { type Once, onceFor } from '../idempotency.ts'
import { valuesOf } from '../rows.ts'
import { type IdempotencyRow, idempotencyKeys } from '../schema/idempotency.ts'
import { apiKeys } from '../schema/keys.ts'
import type { ApiKeyRow } from './api-keys.ts'
import { type Actor, auditQuery } from './audit.ts'

/** How long a rotation without overlap is answered again to the key that it replaced. */
const ANSWERED_AGAIN_MS = 3_600_000

/** A request for a key: who asks, and once, if it carries an Idempotency-Key. `mark` is unlike that of any other request. */
export interface KeyRequest {
  by: Actor
  once: (Once & { mark: string }) | undefined
}

/** Answers what is remembered when the request came before; undefined when the key has been made now. */
export async function makeApiKey(
  db: Db,
  row: ApiKeyRow,
  { by, once }: KeyRequest,
  now: number,
): Promise<IdempotencyRow | undefined> {
  const audited = {
    ...by,
    action: 'key.created',
    target: row.id,
    detail: { name: row.name, scopes: row.scopes },
  } as const
  const insert = (where: ReturnType<typeof sql>) =>
    db.insert(apiKeys).select(sql`SELECT ${valuesOf(apiKeys, row)} WHERE ${where}`)
  if (!once) {
    await db.batch([auditQuery(db, audited, now), insert(sql`TRUE`)])
    return undefined
  }
  const { take, isTaken, read } = onceFor(db, once, { apiKeyId: by.actor, id: once.mark }, now)
  const [, , , , [remembered]] = await db.batch([
    ...take,
    auditQuery(db, audited, now, sql`${isTaken}`),
    insert(sql`${isTaken}`),
    read,
  ])
  return remembered?.resourceId === once.mark ? undefined : remembered
}

/**
 * Put a new key in place of the present one, which stays good until `until`. Answers the row; undefined when there is no
 * such key in force; or what is remembered when the request came before.
 */
export async function rotateApiKey(
  db: Db,
  id: string,
  { hash, prefix, until }: { hash: string; prefix: string; until: number },
  { by, once }: KeyRequest,
  now: number,
): Promise<{ row: ApiKeyRow } | { remembered: IdempotencyRow } | undefined> {
  const audited = { ...by, action: 'key.rotated', target: id, detail: { old_key_until: until } } as const
  const inForce = and(eq(apiKeys.id, id), isNull(apiKeys.revokedAt))
  const isInForce = sql`EXISTS (SELECT 1 FROM ${apiKeys} WHERE ${inForce})`
  const update = (where: ReturnType<typeof and>) =>
    db
      .update(apiKeys)
      .set({ hash, prefix, previousHash: sql`${apiKeys.hash}`, previousHashUntil: until })
      .where(where)
      .returning()
  if (!once) {
    const [, [row]] = await db.batch([auditQuery(db, audited, now, isInForce), update(inForce)])
    return row && { row }
  }
  const { take, isTaken, read } = onceFor(db, once, { apiKeyId: by.actor, id: once.mark, where: isInForce }, now)
  const [, , , [row], [remembered]] = await db.batch([
    ...take,
    auditQuery(db, audited, now, sql`${isTaken}`),
    update(and(inForce, isTaken)),
    read,
  ])
  if (row) return { row }
  return remembered && { remembered }
}

/**
 * The key that had this hash before its last rotation, if that was asked for under this Idempotency-Key lately: it may have
 * replaced itself, and then nobody else can ask for the answer.
 */
export async function findReplacedKey(db: Db, hash: string, idempotencyKey: string, now: number) {
  const [found] = await db
    .select({ row: apiKeys })
    .from(apiKeys)
    .innerJoin(idempotencyKeys, and(eq(idempotencyKeys.apiKeyId, apiKeys.id), eq(idempotencyKeys.key, idempotencyKey)))
    .where(
      and(
        eq(apiKeys.previousHash, hash),
        isNull(apiKeys.revokedAt),
        gt(idempotencyKeys.createdAt, now - ANSWERED_AGAIN_MS),
      ),
    )
  return found?.row
}
