/** Webhooks that a database of the first version owes are still owed, and go out in order, after all migrations. */
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { after, test } from 'node:test'
import type { D1Database } from '@cloudflare/workers-types'
import { migrate } from '../../../local/edge.ts'
import { Miniflare } from '../../../local/miniflare.ts'
import { openDb } from '../client.ts'
import { takeDue } from './deliveries.ts'
import { listDeliveries } from './log.ts'

const script = 'export default { fetch: () => new Response() }'
const miniflare = new Miniflare({ modules: true, script, d1Databases: ['DB'] })
after(() => miniflare.dispose())

test('webhooks that an older database owes keep their place', async () => {
  const { DB } = await miniflare.getBindings<{ DB: D1Database }>()
  const first = await readFile(new URL('../migrations/0000_first.sql', import.meta.url), 'utf8')
  const request = JSON.stringify({ frames: [{ prompt: 'one' }] })
  const story = (id: string) =>
    DB.prepare(
      `INSERT INTO stories (id, api_key_id, request, model, seed, origin, webhook, frame_count, status, created_at)
       VALUES (?, 'key_1', ?, 'm', 1, 'https://e', 'https://app.example/hook', 1, 'running', 5)`,
    ).bind(id, request)
  const delivery = (story: string, type: string, attempts: number, next: number | null, delivered: number | null) =>
    DB.prepare(
      `INSERT INTO webhook_deliveries (id, story_id, type, body, attempts, next_attempt_at, created_at, delivered_at)
       VALUES (?1 || '_' || ?2, ?1, ?2, '{}', ?3, ?4, 5, ?5)`,
    ).bind(story, type, attempts, next, delivered)
  await DB.batch([
    ...first.split('--> statement-breakpoint').map((statement) => DB.prepare(statement)),
    DB.prepare('CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, applied_at TEXT)'),
    DB.prepare("INSERT INTO d1_migrations (name) VALUES ('0000_first.sql')"),
    DB.prepare(
      `INSERT INTO api_keys (id, name, hash, prefix, webhook_secret, created_at)
       VALUES ('key_1', 'old', 'h', 'ff_live_abcd', 'whsec_x', 1)`,
    ),
    story('a'),
    story('b'),
    delivery('a', 'story.started', 1, null, 7),
    delivery('a', 'story.frame.completed', 2, 50, null),
    delivery('a', 'story.completed', 0, 5, null),
    delivery('b', 'story.started', 6, null, null),
  ])
  await migrate(DB)
  const db = openDb(DB)
  const rows = await listDeliveries(db, 'key_1', { limit: 10 })
  assert.deepEqual(
    rows.map(({ delivery: { id, sequence, status, nextAttemptAt } }) => [id, sequence, status, nextAttemptAt]).sort(),
    [
      ['a_story.completed', 3, 'waiting', null],
      ['a_story.frame.completed', 2, 'pending', 50],
      ['a_story.started', 1, 'delivered', null],
      ['b_story.started', 1, 'failed', null],
    ],
  )
  const lane = { apiKeyId: 'key_1', origin: 'https://app.example' }
  const taken = await takeDue(db, lane, { now: 60, holdMs: 100, limit: 9 })
  assert.deepEqual(
    taken.map((row) => [row.id, row.attempts, row.body]),
    [['a_story.frame.completed', 3, '{}']],
  )
})
