/** Which runners there are, and what they serve. */
import { and, desc, gt, lt, sql } from 'drizzle-orm'
import type { ModelAbilities } from '../../../contract/model.ts'
import { ANNOUNCE_SECONDS } from '../../../contract/runner.ts'
import type { Db } from '../client.ts'
import { type RunnerRow, runners } from '../schema/runners.ts'

/** A runner that has missed two announcements is taken to be gone. */
export const PRESENT_MS = 2.5 * ANNOUNCE_SECONDS * 1000
/** A model that no runner has announced for so long is forgotten. */
export const FORGET_MS = 30 * 24 * 3_600_000
const MOST_RUNNERS = 1000
const MOST_MODELS = 100

export const isPresent = ({ seenAt, goneAt }: Pick<RunnerRow, 'seenAt' | 'goneAt'>, now: number): boolean =>
  goneAt === null && now - seenAt < PRESENT_MS

/** The last seen first. */
export async function listRunners(db: Db): Promise<RunnerRow[]> {
  return db.select().from(runners).orderBy(desc(runners.seenAt)).limit(MOST_RUNNERS)
}

/** A model as the runner that announced it last has it. */
export interface AnnouncedModel {
  name: string
  abilities: ModelAbilities
  lastSeenAt: number
  /** Runners that serve it now. */
  present: number
}

/** What an isolate remembers of `announcedModels`. `at` is ms since 1970. */
export interface ModelCache {
  read?: { at: number; models: AnnouncedModel[] } | undefined
}

/** By name. SQLite takes the other columns from the row that has the `max`. */
export async function announcedModels(db: Db, now: number): Promise<AnnouncedModel[]> {
  const present = sql`${runners.goneAt} IS NULL AND ${runners.seenAt} > ${now - PRESENT_MS}`
  return db
    .select({
      name: runners.model,
      abilities: runners.abilities,
      lastSeenAt: sql<number>`max(${runners.seenAt})`,
      present: sql<number>`sum(${present})`,
    })
    .from(runners)
    .where(gt(runners.seenAt, now - FORGET_MS))
    .groupBy(runners.model)
    .orderBy(runners.model)
    .limit(MOST_MODELS)
}

export async function forgetRunners(db: Db, now: number): Promise<void> {
  await db.delete(runners).where(and(lt(runners.seenAt, now - FORGET_MS)))
}
