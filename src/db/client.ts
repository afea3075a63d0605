/** A database of the edge, typed by its schema. */
import type { D1Database } from '@cloudflare/workers-types'
import { drizzle } from 'drizzle-orm/d1'
import * as schema from './schema.ts'

export const openDb = (d1: D1Database) => drizzle(d1, { schema })
export type Db = ReturnType<typeof openDb>
