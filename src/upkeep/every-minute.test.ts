/** A hundred thousand stories and files whose time is over: how fast they go, and what a run asks of D1. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { testFaultyEdge } from '../../test/faulty-edge.ts'

const { bindings, runCron, lastRun } = await testFaultyEdge()
const { DB } = bindings
const MANY = 100_000
/** Queries that D1 allows a Worker in one run. */
const ALLOWED = 1000
/** What an API key may create in a minute. */
const CREATES = 600

const left = async (table: string, where: string) =>
  (await DB.prepare(`SELECT count(*) AS n FROM ${table} WHERE ${where}`).first<{ n: number }>())!.n
const numbers = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${MANY})`

test('expired stories and files go faster than several keys may create them, in bounded runs', async () => {
  const { id: key } = (await DB.prepare('SELECT id FROM api_keys').first<{ id: string }>())!
  await DB.batch([
    DB.prepare(
      `INSERT INTO stories (id, api_key_id, request, model, seed, origin, frame_count, status, ready, created_at, completed_at, expires_at)
       ${numbers} SELECT printf('old%023d', i), '${key}', '{}', 'm', 1, 'https://e', 1, 'succeeded', 0, 1, 2, 3 FROM n`,
    ),
    DB.prepare(
      `INSERT INTO frames (story_id, "index", key, sha256, width, height, seed, attempt, created_at)
       ${numbers} SELECT printf('old%023d', i), 0, printf('stories/old%023d/0.png', i), 's', 8, 8, 1, 1, 1 FROM n`,
    ),
    DB.prepare(
      `INSERT INTO files (id, api_key_id, key, name, content_type, size, sha256, metadata, created_at, expires_at)
       ${numbers} SELECT printf('old%023d', i), '${key}', printf('files/old%023d', i), 'a', 'a/b', 1, 's', '{}', 1, 2 FROM n`,
    ),
  ])
  await runCron()
  const erased = MANY - (await left('stories', 'data_removed_at IS NULL'))
  const gone = MANY - (await left('files', '1'))
  assert.ok(erased >= 8 * CREATES, `${erased} stories are erased in one run`)
  assert.ok(gone >= 8 * CREATES, `${gone} files are forgotten in one run`)
  const first = await lastRun()
  assert.ok(first.d1 <= ALLOWED && first.r2 <= ALLOWED - first.d1, `the first run asks ${JSON.stringify(first)}`)
  // Of each story that is called removed, the picture is deleted.
  assert.equal(
    await left(
      'stories',
      'data_removed_at IS NOT NULL AND files_left = 0 AND EXISTS (SELECT 1 FROM object_deletions d WHERE d.story_id = stories.id)',
    ),
    0,
  )
  let runs = 1
  for (; (await left('stories', 'data_removed_at IS NULL OR files_left = 1')) > 0; runs++) {
    assert.ok(runs < 25, 'a hundred thousand stories take no longer than 25 minutes')
    await runCron()
    const { d1, r2 } = await lastRun()
    assert.ok(d1 + r2 <= ALLOWED, `run ${runs} asks D1 ${d1} times, R2 ${r2}`)
  }
  while ((await left('files', '1')) > 0) await runCron()
  assert.equal(await left('object_deletions', '1'), 0)
})
