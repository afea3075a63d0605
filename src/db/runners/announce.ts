/** What runners say of themselves: that they are there, with which model, and that they go. */
import { eq, sql } from 'drizzle-orm'
import type { Announcement } from '../../../contract/runner.ts'
import type { Db } from '../client.ts'
import { runners } from '../schema/runners.ts'

/** Note that the runner is there. Answers until when it is set aside; null when it is not. */
export async function announceRunner(
  db: Db,
  { runner, protocol, model }: Pick<Announcement, 'runner' | 'protocol' | 'model'>,
  now: number,
): Promise<number | null> {
  const said = { protocol, model: model.name, abilities: model.abilities, seenAt: now, goneAt: null }
  const [row] = await db
    .insert(runners)
    .values({ name: runner, firstSeenAt: now, ...said })
    .onConflictDoUpdate({ target: runners.name, set: said })
    .returning({ until: sql<number | null>`iif(${runners.setAsideUntil} > ${now}, ${runners.setAsideUntil}, NULL)` })
  return row?.until ?? null
}

/** Answers the model that it served; undefined when it was not known. */
export async function dismissRunner(db: Db, name: string, now: number): Promise<string | undefined> {
  const gone = await db
    .update(runners)
    .set({ goneAt: now })
    .where(eq(runners.name, name))
    .returning({ model: runners.model })
  return gone[0]?.model
}
