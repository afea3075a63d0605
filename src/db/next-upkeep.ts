/** When upkeep has something to do next, as far as the database knows. */
import { type SQL, sql } from 'drizzle-orm'
import { GRACE_MS } from './characters/pictures.ts'
import type { Db } from './client.ts'
import { REMEMBER_KEY_MS } from './idempotency.ts'
import { FORGET_MS } from './runners/list.ts'

/** Webhooks that are looked at: where there are more, their senders are at work anyway. */
const SOME_WEBHOOKS = 1000
/** Later than anything. */
const NEVER = 9e15

/**
 * The moment (ms since 1970) at which the first of all that upkeep does is due; null for never. 0 while stories wait for a
 * runner or are claimed. One statement, of a search through an index for each kind of thing.
 *
 * @param keep how long messages of runners, and webhooks of progress, are kept (ms).
 */
export async function nextUpkeep(db: Db, keep: { messages: number; progress: number }): Promise<number | null> {
  // Spelt out, so that the planner sees that the partial indexes fit.
  const due = [
    sql`SELECT 0 WHERE EXISTS (SELECT 1 FROM stories WHERE ready = 0 AND claimable_at IS NOT NULL)`,
    sql`SELECT min(start_by) FROM stories WHERE status = 'queued' AND start_by IS NOT NULL`,
    sql`SELECT 0 WHERE EXISTS (SELECT 1 FROM queue_shares WHERE ready > 0)`,
    sql`SELECT min(expires_at) FROM stories WHERE expires_at IS NOT NULL`,
    sql`SELECT 0 WHERE EXISTS (SELECT 1 FROM stories WHERE files_left = 1)`,
    sql`SELECT min(next_attempt_at) FROM (SELECT next_attempt_at FROM webhook_deliveries
      WHERE next_attempt_at IS NOT NULL ORDER BY created_at LIMIT ${SOME_WEBHOOKS})`,
    sql`SELECT min(created_at) + ${keep.progress} FROM webhook_deliveries WHERE type = 'story.progress'`,
    sql`SELECT min(received_at) + ${keep.messages} FROM runner_messages`,
    sql`SELECT min(created_at) + ${REMEMBER_KEY_MS} FROM idempotency_keys`,
    sql`SELECT min(expires_at) FROM files`,
    sql`SELECT min(check_since) + ${GRACE_MS} FROM reference_pictures WHERE check_since IS NOT NULL`,
    sql`SELECT min(due_at) FROM object_deletions WHERE due_at IS NOT NULL`,
    sql`SELECT min(seen_at) + ${FORGET_MS} FROM runners`,
  ].map((moment): SQL => sql`coalesce((${moment}), ${NEVER})`)
  const { next } = await db.get<{ next: number }>(sql`SELECT min(${sql.join(due, sql`, `)}) AS next`)
  return next === NEVER ? null : next
}
