/** Migrations of a local database. */
import { mkdir, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { D1Database } from '@cloudflare/workers-types'
import { writeWhole } from '../gpu-runner/src/engine/io/whole-file.ts'

const folder = join(import.meta.dirname, '../src/db/migrations')

/** Bring a database up to date; keeps the same record of what has been applied as `wrangler d1 migrations apply`. */
export async function migrate(db: D1Database): Promise<void> {
  await db
    .prepare(
      `CREATE TABLE IF NOT EXISTS d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE,
       applied_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP NOT NULL)`,
    )
    .run()
  const { results } = await db.prepare('SELECT name FROM d1_migrations').all<{ name: string }>()
  const applied = new Set(results.map((row) => row.name))
  for (const name of (await migrations()).filter((name) => !applied.has(name))) {
    const text = await readFile(join(folder, name), 'utf8')
    const statements = text.split('--> statement-breakpoint').map((statement) => db.prepare(statement))
    await db.batch([...statements, db.prepare('INSERT INTO d1_migrations (name) VALUES (?)').bind(name)])
  }
}

const migrations = async () => (await readdir(folder)).filter((name) => name.endsWith('.sql')).sort()

/** Beside the database of a data folder: the migrations that it is known to have. */
const noteIn = (d1Folder: string) => join(d1Folder, 'migrated')

/** Whether the database in a folder had all migrations when it was last opened. */
export async function isUpToDate(d1Folder: string): Promise<boolean> {
  const noted = await readFile(noteIn(d1Folder), 'utf8').catch(() => '')
  return noted === (await migrations()).join('\n')
}

export async function noteUpToDate(d1Folder: string): Promise<void> {
  await mkdir(d1Folder, { recursive: true })
  await writeWhole(noteIn(d1Folder), (await migrations()).join('\n'))
}
