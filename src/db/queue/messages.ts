/** Messages of runners that took effect, so that a copy of one is known as such. */
import { eq, inArray, lt, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { stories } from '../schema/stories.ts'
import { runnerMessages } from '../schema/webhooks.ts'

/** What identifies an event of a runner, and when it came. */
export interface EventOrigin {
  messageId: string
  storyId: string
  leaseToken: string
  sequence: number
  now: number
}

export async function isSeen(db: Db, messageId: string): Promise<boolean> {
  const [message] = await db.select().from(runnerMessages).where(eq(runnerMessages.id, messageId))
  return message !== undefined
}

/** Far more than come in a minute, and few enough for one statement. */
const FORGOTTEN_AT_ONCE = 50_000

export async function forgetMessages(db: Db, before: number): Promise<void> {
  const { id, receivedAt } = runnerMessages
  const old = db
    .select({ id })
    .from(runnerMessages)
    .where(lt(receivedAt, before))
    .orderBy(receivedAt)
    .limit(FORGOTTEN_AT_ONCE)
  await db.delete(runnerMessages).where(inArray(id, old))
}

export const remember = (db: Db, { messageId, now }: EventOrigin, where: SQL | undefined) =>
  rememberAs(db, sql`${messageId}`, now, where)

/** Remembers a message only where it takes effect, so that one that came too early can come again. */
export function rememberAs(db: Db, messageId: SQL, now: number, where: SQL | undefined) {
  const row = db
    .select({
      id: sql<string>`${messageId}`.as('id'),
      storyId: stories.id,
      receivedAt: sql<number>`${now}`.as('received_at'),
    })
    .from(stories)
    .where(where)
  return db.insert(runnerMessages).select(row).onConflictDoNothing().returning({ id: runnerMessages.id })
}
