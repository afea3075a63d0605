import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { D1Database, D1PreparedStatement } from '@cloudflare/workers-types'
import { eq } from 'drizzle-orm'
import { randomBytes, testD1 } from '../../../test/d1.ts'
import { sha256 } from '../../platform/ids.ts'
import { openDb } from '../client.ts'
import { findApiKey, insertApiKey } from '../keys/api-keys.ts'
import { newApiKey } from '../keys/new-key.ts'
import { cancel } from '../queue/cancel.ts'
import { apiKeys } from '../schema/keys.ts'
import { insertFrame } from './frames.ts'
import { findStory, listStories, versionOf } from './stories.ts'

const { DB, db, apiKeyId, queued, take } = await testD1()
const hashOf = (key: string) => sha256(new TextEncoder().encode(key))

test('a story is found by its own key only, with the frames it has', async () => {
  const { id, model } = await queued(1)
  await take(model, 'a', 1, 10)
  await insertFrame(db, id, 'a', { key: 'k', sha256: 's', width: 8, height: 8, index: 1, seed: 3 }, 2)
  assert.deepEqual(
    (await findStory(db, id, apiKeyId))?.frames.map((frame) => frame.index),
    [1],
  )
  assert.equal(await findStory(db, id, 'key_other'), undefined)
  assert.equal(await versionOf(db, id, 'key_other'), undefined)
  assert.equal(await cancel(db, id, 'key_other', 3), undefined)
  assert.equal((await findStory(db, id))?.story.cancelRequested, false)
})

test('the version grows with each change that shows', async () => {
  const { id, model } = await queued(1)
  const versions = [await versionOf(db, id, apiKeyId)]
  await take(model, 'a', 1, 10)
  versions.push(await versionOf(db, id, apiKeyId))
  await insertFrame(db, id, 'a', { key: 'k', sha256: 's', width: 8, height: 8, index: 1, seed: 3 }, 2)
  versions.push(await versionOf(db, id, apiKeyId))
  await cancel(db, id, apiKeyId, 3)
  versions.push(await versionOf(db, id, apiKeyId))
  assert.deepEqual(versions, [1, 2, 4, 5])
})

test('pages go from new to old and meet without a gap, even among stories of the same moment', async () => {
  const { row } = await newApiKey('lister', { now: () => 0, randomBytes })
  await insertApiKey(db, row)
  const ids: string[] = []
  for (let i = 0; i < 7; i++) ids.push((await queued(100 + Math.floor(i / 3), {}, 'listed')).id)
  const seen: string[] = []
  for (let cursor: { createdAt: number; id: string } | undefined; ; ) {
    const page = await listStories(db, { apiKeyId }, cursor, 2)
    seen.push(...page.map(({ story }) => story.id).filter((id) => ids.includes(id)))
    const last = page.at(-1)
    if (!last) break
    cursor = last.story
  }
  assert.deepEqual(seen.toSorted(), ids.toSorted())
  assert.deepEqual(await listStories(db, { apiKeyId: row.id }, undefined, 10), [])
})

test('a page of the stories of one key, or of all, reads as many rows however many there are and however far back it is', async () => {
  const { id } = await queued(0, {}, 'many')
  await DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000)
     INSERT INTO stories (id, api_key_id, request, model, seed, origin, frame_count, status, created_at)
     SELECT 'many' || i, api_key_id, request, model, seed, origin, 1, 'canceled', 1000 + i / 3 FROM stories, n WHERE id = ?`,
  )
    .bind(id)
    .run()
  let rowsRead = 0
  const prepare = (sql: string) => counted(DB.prepare(sql))
  /** Drizzle reads rows by `raw`, which tells nothing of what it took. */
  const counted = (statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get(_, key: keyof D1PreparedStatement) {
        if (key === 'bind') return (...values: unknown[]) => counted(statement.bind(...values))
        if (key !== 'raw') return statement[key]
        return async () => {
          rowsRead += (await statement.all()).meta.rows_read
          return statement.raw()
        }
      },
    })
  const recorded = openDb(
    new Proxy(DB, { get: (d1, key: keyof D1Database) => (key === 'prepare' ? prepare : d1[key]) }),
  )
  for (const listing of [{}, { apiKeyId }])
    for (const cursor of [undefined, { createdAt: 1100, id: 'many300' }]) {
      rowsRead = 0
      const page = await listStories(recorded, listing, cursor, 20)
      assert.equal(page.length, 20)
      assert.ok(rowsRead > 20 && rowsRead < 100, `${rowsRead} rows of ${JSON.stringify({ listing, cursor })}`)
    }
})

test('a key is found by its hash until it is revoked, and is not kept itself', async () => {
  const { key, row } = await newApiKey('app', { now: () => 5, randomBytes })
  await insertApiKey(db, row)
  await insertApiKey(db, { ...row, id: 'key_again' })
  assert.equal((await findApiKey(db, await hashOf(key), 5))?.id, row.id)
  assert.ok(!JSON.stringify(await db.select().from(apiKeys)).includes(key))
  await db.update(apiKeys).set({ revokedAt: 6 }).where(eq(apiKeys.id, row.id))
  assert.equal(await findApiKey(db, await hashOf(key), 5), undefined)
})
