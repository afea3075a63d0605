/** A database of the edge, typed by its schema. */
import type { D1Database } from '@cloudflare/workers-types'
import { drizzle } from 'drizzle-orm/d1'
import * as files from './schema/files.ts'
import * as idempotency from './schema/idempotency.ts'
import * as keys from './schema/keys.ts'
import * as queue from './schema/queue.ts'
import * as runners from './schema/runners.ts'
import * as story from './schema/stories.ts'
import * as webhooks from './schema/webhooks.ts'

const schema = { ...keys, ...story, ...queue, ...runners, ...idempotency, ...files, ...webhooks }
const connect = (d1: D1Database) => drizzle(d1, { schema })
export type Db = ReturnType<typeof connect>

/** The same for the same binding, so that an isolate works out the schema, and its prepared statements, once. */
const opened = new WeakMap<D1Database, Db>()

export function openDb(d1: D1Database): Db {
  const db = opened.get(d1) ?? connect(d1)
  opened.set(d1, db)
  return db
}
