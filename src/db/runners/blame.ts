/**
 * Runners on which story after story goes wrong are set aside for a while: one bad machine must not fail everybody. Stories
 * of different API keys count, since one app may well post bad stories only. Statements for the batch that ends an
 * attempt; to be put before what ends it, while the story still says who holds it.
 */
import { and, type SQL, sql } from 'drizzle-orm'
import type { Db } from '../client.ts'
import { runners } from '../schema/runners.ts'
import { stories } from '../schema/stories.ts'

/** API keys whose stories went wrong in a row. */
const SET_ASIDE_AFTER = 3
export const SET_ASIDE_MS = 10 * 60_000

/** @param held the story of the attempt that went wrong. */
export function blame(db: Db, held: SQL | undefined, now: number) {
  const holder = sql`${runners.name} = (SELECT ${stories.runner} FROM ${stories} WHERE ${held})`
  const key = sql`(SELECT ${stories.apiKeyId} FROM ${stories} WHERE ${held})`
  const isNew = sql`NOT EXISTS (SELECT 1 FROM json_each(${runners.blamedBy}) WHERE value = ${key})`
  return [
    db
      .update(runners)
      .set({ blamedBy: sql`json_insert(${runners.blamedBy}, '$[#]', ${key})` })
      .where(and(holder, isNew)),
    db
      .update(runners)
      .set({ blamedBy: [], setAsideUntil: now + SET_ASIDE_MS })
      .where(and(holder, sql`json_array_length(${runners.blamedBy}) >= ${SET_ASIDE_AFTER}`)),
  ] as const
}

/** The stories that are `done` went well. Nearly always there is no runner to forgive, and one index lookup shows that. */
export function forgive(db: Db, done: SQL | undefined) {
  const holders = sql`(SELECT ${stories.runner} FROM ${stories} WHERE ${done})`
  return db
    .update(runners)
    .set({ blamedBy: [] })
    .where(sql`${runners.blamedBy} <> '[]' AND ${runners.name} IN ${holders}`)
}
