/**
 * Taking a story in on the word of a key that was read some time ago: the insert itself looks whether the key is still in
 * force and has room, so that what is remembered of a key saves a query and decides nothing.
 */
import { getTableColumns, sql } from 'drizzle-orm'
import type { Scope } from '../../../contract/key.ts'
import type { Db } from '../client.ts'
import type { ApiKeyRow } from '../keys/api-keys.ts'
import { apiKeys, type StoryRow, stories } from '../schema/stories.ts'

/** A key as it was read, and how it was shown: SHA-256 (hex), for something that takes `scope`. */
export interface ShownKey {
  row: ApiKeyRow
  hash: string
  scope: Scope
}

/**
 * Queue a story. False, and nothing is queued, when the key is not in force any more, keeps stories for another time than
 * it did, or has as many stories waiting as may: exactly as many, however many requests come at the same time.
 */
export async function enqueueUnder(
  db: Db,
  { row, hash, scope }: ShownKey,
  story: StoryRow,
  now: number,
): Promise<boolean> {
  const values: Record<string, unknown> = { hash, scope, now, retentionDays: row.retentionDays }
  for (const [name, value] of Object.entries(story)) values[`story.${name}`] = encode(name, value)
  return (await insertOf(db).all(values)).length > 0
}

const columns = new Map(Object.entries(getTableColumns(stories)))
const encode = (name: string, value: unknown) => (value === null ? null : columns.get(name)?.mapToDriverValue(value))

/** The text of the statement is the same for every story, and is made once: that costs more than all the rest here. */
const inserts = new WeakMap<Db, ReturnType<typeof prepareInsert>>()

function insertOf(db: Db) {
  const insert = inserts.get(db) ?? prepareInsert(db)
  inserts.set(db, insert)
  return insert
}

function prepareInsert(db: Db) {
  const { placeholder } = sql
  const values = sql.join(
    [...columns.keys()].map((name) => sql`${placeholder(`story.${name}`)}`),
    sql`, `,
  )
  const [hash, now] = [placeholder('hash'), placeholder('now')]
  return db
    .insert(stories)
    .select(
      sql`SELECT ${values} FROM ${apiKeys} WHERE ${apiKeys.id} = ${placeholder('story.apiKeyId')}
        AND (${apiKeys.hash} = ${hash} OR ${apiKeys.previousHash} = ${hash} AND ${apiKeys.previousHashUntil} > ${now})
        AND ${apiKeys.revokedAt} IS NULL AND (${apiKeys.expiresAt} IS NULL OR ${apiKeys.expiresAt} > ${now})
        AND EXISTS (SELECT 1 FROM json_each(${apiKeys.scopes}) WHERE value = ${placeholder('scope')})
        AND ${apiKeys.retentionDays} IS ${placeholder('retentionDays')}
        AND ${apiKeys.queued} < ${apiKeys.maxQueued}`,
    )
    .returning({ id: stories.id })
    .prepare()
}
