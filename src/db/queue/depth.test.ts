/** What `/healthz` and `/metrics` ask costs the same before a short queue and a long one. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { D1Database, D1PreparedStatement } from '@cloudflare/workers-types'
import { testD1 } from '../../../test/d1.ts'
import { openDb } from '../client.ts'
import { queueDepth } from './depth.ts'

const { DB, apiKeyId, queued, take } = await testD1()

/** The database, adding up what its batches read. */
const use = { rowsRead: 0 }
const counted = openDb(
  new Proxy(DB, {
    get: (d1, name) => {
      if (name !== 'batch') return Reflect.get(d1, name)
      return async (statements: D1PreparedStatement[]) => {
        const results = await d1.batch(statements)
        for (const { meta } of results) use.rowsRead += meta.rows_read
        return results
      }
    },
  }) satisfies D1Database,
)

async function depth(many?: number) {
  use.rowsRead = 0
  const found = await queueDepth(counted, many)
  return { ...found, rowsRead: use.rowsRead }
}

/** As many rows like one that is there; `columns` are set to these expressions of `n`, which begins at `from`. */
async function copies(table: string, columns: Record<string, string>, from: number, count: number): Promise<void> {
  const { results } = await DB.prepare(`SELECT name FROM pragma_table_info('${table}')`).all<{ name: string }>()
  const names = results.map(({ name }) => name)
  const values = names.map((name) => columns[name] ?? `row.${name}`)
  await DB.prepare(
    `WITH RECURSIVE numbers(n) AS (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${from + count})
      INSERT INTO ${table} (${names}) SELECT ${values} FROM numbers, (SELECT * FROM ${table} LIMIT 1) row`,
  ).run()
}

const BASE = 1_000

test('an empty queue has no oldest', async () => {
  const { rowsRead: _, ...empty } = await depth()
  const none = { count: 0, oldest: null }
  assert.deepEqual(empty, { ready: none, delayed: 0, running: 0, webhooks: none })
})

test('the cost does not grow with what is ready, delayed, running or pending', async () => {
  const { id, model } = await queued(BASE)
  // Of each four: two are ready, one waits for another attempt, one has ended.
  const more = {
    id: "'copy-' || n",
    status: "iif(n % 4 = 3, 'failed', 'queued')",
    ready: 'n % 4 < 2',
    claimable_at: `CASE WHEN n % 4 < 2 THEN ${BASE} - n WHEN n % 4 = 2 THEN ${BASE} + 1 END`,
  }
  await copies('stories', more, 0, 40)
  await take(model, 'lease', BASE)
  await DB.prepare(
    `INSERT INTO webhook_deliveries (id, story_id, api_key_id, origin, sequence, type, status, next_attempt_at, created_at)
      VALUES ('first', ?, ?, 'https://app.example', 0, 'story.started', 'pending', 1, ${BASE})`,
  )
    .bind(id, apiKeyId)
    .run()
  const pending = {
    id: "'copy-' || n",
    sequence: 'n + 1',
    created_at: `${BASE} + n`,
    next_attempt_at: 'iif(n % 2, NULL, 1)',
  }
  await copies('webhook_deliveries', pending, 0, 40)
  const many = 20
  const short = await depth(many)
  // The 21st of those ready was claimed, the oldest of them.
  assert.deepEqual(
    { ...short, rowsRead: 0 },
    {
      ready: { count: 20, oldest: BASE - 36 },
      delayed: 10,
      running: 1,
      webhooks: { count: many, oldest: BASE },
      rowsRead: 0,
    },
  )
  await copies('stories', more, 40, 4_000)
  await copies('webhook_deliveries', pending, 40, 4_000)
  const long = await depth(many)
  assert.deepEqual([long.ready.count, long.delayed, long.webhooks.count], [2_020, 1_010, many])
  assert.equal((await depth()).webhooks.count, 2_021)
  assert.ok(short.rowsRead > 0)
  assert.equal(long.rowsRead, short.rowsRead)
})
