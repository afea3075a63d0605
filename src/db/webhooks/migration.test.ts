/** The outbox of a database of the first version is sent, in order, after all migrations. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { migratedFromFirst } from '../../../test/first-version.ts'
import { takeDue } from './deliveries.ts'
import { listDeliveries } from './log.ts'

test('webhooks in the outbox of an older database keep their place', async () => {
  const db = await migratedFromFirst((d1) => {
    const request = JSON.stringify({ frames: [{ prompt: 'one' }] })
    const story = (id: string) =>
      d1
        .prepare(
          `INSERT INTO stories (id, api_key_id, request, model, seed, origin, webhook, frame_count, status, created_at)
           VALUES (?, 'key_1', ?, 'm', 1, 'https://e', 'https://app.example/hook', 1, 'running', 5)`,
        )
        .bind(id, request)
    const delivery = (story: string, type: string, attempts: number, next: number | null, delivered: number | null) =>
      d1
        .prepare(
          `INSERT INTO webhook_deliveries (id, story_id, type, body, attempts, next_attempt_at, created_at, delivered_at)
           VALUES (?1 || '_' || ?2, ?1, ?2, '{}', ?3, ?4, 5, ?5)`,
        )
        .bind(story, type, attempts, next, delivered)
    return [
      story('a'),
      story('b'),
      delivery('a', 'story.started', 1, null, 7),
      delivery('a', 'story.frame.completed', 2, 50, null),
      delivery('a', 'story.completed', 0, 5, null),
      delivery('b', 'story.started', 6, null, null),
    ]
  })
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
