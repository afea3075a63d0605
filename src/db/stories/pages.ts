/** What a runner leaves of a story besides its frames: pages that show all of them, its report, its character bank. */
import { and, eq, exists, isNull, sql } from 'drizzle-orm'
import type { ConsistencyReport } from '../../../contract/consistency.ts'
import type { Db } from '../client.ts'
import { keepObject, keepWithStory } from '../objects/deletions.ts'
import { heldBy, nextVersion } from '../queue/transitions.ts'
import { type StoredBank, type StoredFile, stories } from '../schema/stories.ts'
import type { Page } from './page-columns.ts'

/** Keep a page that shows all frames; one that is there stays. Undefined when the lease is stale. */
export async function keepPage<File extends StoredFile>(
  db: Db,
  id: string,
  leaseToken: string,
  page: Page,
  file: File,
): Promise<File | undefined> {
  const held = heldBy(id, leaseToken)
  const isShown = and(eq(stories.id, id), sql`${stories[page]} ->> 'key' = ${file.key}`)
  const [, , after] = await db.batch([
    db
      .update(stories)
      .set({ [page]: file, version: nextVersion })
      .where(and(held, isNull(stories[page]))),
    keepObject(db, file.key, exists(db.select({ id: stories.id }).from(stories).where(isShown))),
    db.select({ kept: stories[page] }).from(stories).where(held),
  ])
  return (after[0]?.kept ?? undefined) as File | undefined
}

/** Keep what the runner says of the story; an earlier word stays. False when the lease is stale. */
export async function keepReport(db: Db, id: string, leaseToken: string, report: ConsistencyReport): Promise<boolean> {
  const held = heldBy(id, leaseToken)
  const [, after] = await db.batch([
    db
      .update(stories)
      .set({ consistency: report, version: nextVersion })
      .where(and(held, isNull(stories.consistency))),
    db.select({ id: stories.id }).from(stories).where(held),
  ])
  return after.length > 0
}

/** Keep the character bank, stored under `key`, in place of an earlier one. False when the lease is stale. */
export async function keepBank(
  db: Db,
  id: string,
  leaseToken: string,
  { key, ...bank }: StoredBank & { key: string },
): Promise<boolean> {
  const held = heldBy(id, leaseToken)
  const [, kept] = await db.batch([
    keepWithStory(db, key, exists(db.select({ id: stories.id }).from(stories).where(held))),
    db.update(stories).set({ bank, version: nextVersion }).where(held).returning({ id: stories.id }),
  ])
  return kept.length > 0
}
