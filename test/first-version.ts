/** A database as the first version left it, to be filled and then migrated: upgrades must lose nothing. */
import { readFile } from 'node:fs/promises'
import { after } from 'node:test'
import type { D1Database, D1PreparedStatement } from '@cloudflare/workers-types'
import { migrate } from '../local/migrate.ts'
import { Miniflare } from '../local/miniflare.ts'
import { openDb } from '../src/db/client.ts'

/** The database after all migrations; `rows` were in it before, beside the API key `key_1`. */
export async function migratedFromFirst(rows: (d1: D1Database) => D1PreparedStatement[]) {
  const script = 'export default { fetch: () => new Response() }'
  const miniflare = new Miniflare({ modules: true, script, d1Databases: ['DB'] })
  after(() => miniflare.dispose())
  const { DB } = await miniflare.getBindings<{ DB: D1Database }>()
  const first = await readFile(new URL('../src/db/migrations/0000_first.sql', import.meta.url), 'utf8')
  await DB.batch([
    ...first.split('--> statement-breakpoint').map((statement) => DB.prepare(statement)),
    DB.prepare('CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TEXT)'),
    DB.prepare("INSERT INTO d1_migrations (name) VALUES ('0000_first.sql')"),
    DB.prepare(
      `INSERT INTO api_keys (id, name, hash, prefix, webhook_secret, created_at)
       VALUES ('key_1', 'old', 'h', 'ff_live_abcd', 'whsec_x', 1)`,
    ),
    ...rows(DB),
  ])
  await migrate(DB)
  return openDb(DB)
}
