/** Whether there is anything to claim, asked so that it costs little: one statement, of a few index searches. */
import { and, eq, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { queueShares } from '../schema/queue.ts'
import { runners } from '../schema/runners.ts'
import { stories } from '../schema/stories.ts'

export interface Peek {
  /** Stories of the model are ready, if not for every runner. */
  ready: boolean
  /** When the next lease, pause or deadline for starting is over, of any model (ms since 1970); null for never. */
  next: number | null
}

// Spelt out, so that the planner sees that the partial indexes fit.
const nextDue = sql<number | null>`(SELECT min(at) FROM (
  SELECT min(claimable_at) AS at FROM stories WHERE ready = 0 AND claimable_at IS NOT NULL
  UNION ALL SELECT min(start_by) FROM stories WHERE status = 'queued' AND start_by IS NOT NULL))`

const isReady = (model: string): SQL<number> =>
  sql<number>`EXISTS (SELECT 1 FROM queue_shares WHERE model = ${model} AND ready > 0)`

/** Look for the runner, and note that it is there, if it has announced itself. */
export async function peek(db: Db, { runner, model }: { runner: string; model: string }, now: number): Promise<Peek> {
  const [seen] = await db
    .update(runners)
    .set({ seenAt: sql`max(${runners.seenAt}, ${now})` })
    .where(eq(runners.name, runner))
    .returning({ ready: isReady(model), next: nextDue })
  const found =
    seen ??
    (await db.get<{ ready: number; next: number | null }>(sql`SELECT ${isReady(model)} AS ready, ${nextDue} AS next`))
  return { ready: found.ready === 1, next: found.next }
}

/** Of these stories that are queued: how many are ready, and when the first of the others will be, by model. */
export async function readyOf(db: Db, ids: string[]) {
  const these = sql`${stories.id} IN (SELECT value FROM json_each(${JSON.stringify(ids)}))`
  return db
    .select({
      model: stories.model,
      stories: sql<number>`sum(${stories.ready})`,
      next: sql<number | null>`min(iif(${stories.ready}, NULL, ${stories.claimableAt}))`,
    })
    .from(stories)
    .where(and(these, sql`${stories.status} = 'queued'`))
    .groupBy(stories.model)
}

/** How many stories are ready, by model: of one API key, or of all. */
export async function readyShares(db: Db, apiKeyId?: string) {
  const ofKey = apiKeyId === undefined ? undefined : eq(queueShares.apiKeyId, apiKeyId)
  return db
    .select({ model: queueShares.model, stories: sql<number>`sum(${queueShares.ready})` })
    .from(queueShares)
    .where(and(sql`${queueShares.ready} > 0`, ofKey))
    .groupBy(queueShares.model)
}
