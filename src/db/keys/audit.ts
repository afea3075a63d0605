/** The log of what was done to keys, and by operators: written in the batch that does it, or before it is done. */
import { and, desc, eq, lt, type SQL, sql } from 'drizzle-orm'
import type { AuditAction } from '../../../contract/admin.ts'
import type { Db } from '../client.ts'
import { type AuditRow, auditLog } from '../schema/keys.ts'

/** Who does it, in which request. */
export interface Actor {
  actor: string
  requestId: string
}

export interface Audited extends Actor {
  action: AuditAction
  target: string
  detail?: Record<string, unknown>
}

/** The statement that logs it where `condition` holds. */
export const auditQuery = (
  db: Db,
  { action, actor, target, detail = {}, requestId }: Audited,
  at: number,
  condition?: SQL,
) =>
  db
    .insert(auditLog)
    .select(
      sql`SELECT NULL, ${at}, ${actor}, ${action}, ${target}, ${JSON.stringify(detail)}, ${requestId} WHERE ${condition ?? sql`TRUE`}`,
    )

/** To be called ahead of what is done, so that nothing is done without a line. */
export async function audit(db: Db, audited: Audited, now: number): Promise<void> {
  await auditQuery(db, audited, now)
}

/** Newest first, from just after the entry `before`; of one target, when it is given. */
export async function listAudit(
  db: Db,
  target: string | undefined,
  before: number | undefined,
  limit: number,
): Promise<AuditRow[]> {
  return db
    .select()
    .from(auditLog)
    .where(
      and(
        target === undefined ? undefined : eq(auditLog.target, target),
        before === undefined ? undefined : lt(auditLog.id, before),
      ),
    )
    .orderBy(desc(auditLog.id))
    .limit(limit)
}
