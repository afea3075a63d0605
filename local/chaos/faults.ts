/** What `--faults` adds to a run: stores that fail, and things planted in the database that only cron takes up. */
import type { D1Database } from '@cloudflare/workers-types'
import { StoryRequest } from '../../contract/story.ts'
import { openDb } from '../../src/db/client.ts'
import { insertApiKey } from '../../src/db/keys/api-keys.ts'
import { enqueue, newStory } from '../../src/db/queue/enqueue.ts'
import type { Fault } from '../faulty/worker.ts'

/** Objects of which the deletion fails for as long as there are faults. */
const STUCK = 'a.png'
const PLANTED_STORIES = 10_000
const PLANTED_FILES = 3000
/** In every prompt: nobody else may read it. */
export const SECRET = 'the-secret-of-the-chaos'
/** A story whose webhook no sender knows of. Story ids are 26 letters. */
export const PLANTED_WEBHOOK = 'planted'.padEnd(26, 'w')

const always = 1e9
export const stuck: Fault = { store: 'r2', kind: 'before', asked: `^delete .*${STUCK}$`, times: always }
export const FAULTS: Fault[] = [
  stuck,
  { store: 'd1', kind: 'before', share: 0.01, times: always },
  { store: 'd1', kind: 'after', share: 0.01, times: always },
  { store: 'd1', kind: 'slow', ms: 1500, share: 0.003, times: always },
  { store: 'r2', kind: 'before', share: 0.02, times: always },
  { store: 'r2', kind: 'after', share: 0.02, times: always },
  { store: 'r2', kind: 'slow', ms: 1500, share: 0.01, times: always },
]

/**
 * Expired stories and files, more than one run of cron may take on in queries of D1, one of them with a picture that
 * cannot be deleted; and a webhook that is due and of which no sender knows.
 */
export async function plant(
  d1: D1Database,
  apiKey: Parameters<typeof insertApiKey>[1],
  webhook: string,
): Promise<void> {
  const db = openDb(d1)
  const { id: apiKeyId } = await insertApiKey(db, apiKey)
  const request = StoryRequest.parse({ frames: [{ prompt: SECRET }], webhook })
  const about = { id: PLANTED_WEBHOOK, apiKeyId, request, model: 'planted', seed: 1, origin: 'http://127.0.0.1' }
  await enqueue(db, newStory(about, 0), 0)
  const numbers = (many: number) =>
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${many}) SELECT`
  await d1.batch([
    d1.prepare(`UPDATE stories SET status = 'failed', ready = 0, claimable_at = NULL, completed_at = 1, error = '{"code":"chaos","message":"planted"}'
      WHERE id = '${PLANTED_WEBHOOK}'`),
    d1
      .prepare(
        `INSERT INTO webhook_deliveries (id, story_id, api_key_id, origin, sequence, type, status, next_attempt_at, created_at)
         VALUES ('msg_planted', '${PLANTED_WEBHOOK}', ?, ?, 1, 'story.failed', 'pending', 1, 1)`,
      )
      .bind(apiKeyId, new URL(webhook).origin),
    d1.prepare(
      `INSERT INTO stories (id, api_key_id, request, model, seed, origin, frame_count, status, ready, created_at, completed_at, expires_at)
       ${numbers(PLANTED_STORIES)} printf('planted%019d', i), '${apiKeyId}', '{}', 'planted', 1, '', 1, 'failed', 0, 1, 2, 3 FROM n`,
    ),
    d1.prepare(
      `INSERT INTO frames (story_id, "index", key, sha256, width, height, seed, attempt, created_at)
       ${numbers(PLANTED_STORIES)} printf('planted%019d', i), 0,
         printf('stories/planted%019d/%s', i, iif(i = 7, '${STUCK}', 'b.png')), 's', 8, 8, 1, 1, 1 FROM n`,
    ),
    d1.prepare(
      `INSERT INTO files (id, api_key_id, key, name, content_type, size, sha256, metadata, created_at, expires_at)
       ${numbers(PLANTED_FILES)} printf('planted%019d', i), '${apiKeyId}', printf('files/planted%019d', i), 'a', 'a/b', 1, 's', '{}', 1, 2 FROM n`,
    ),
  ])
}

/** What of all that cron has not done though only one object cannot be deleted, as evidence. */
export async function leftOfPlanted(d1: D1Database): Promise<string[]> {
  const count = async (from: string) =>
    (await d1.prepare(`SELECT count(*) AS n FROM ${from}`).first<{ n: number }>())?.n ?? 0
  const left = {
    'stories not removed':
      (await count("stories WHERE model = 'planted' AND expires_at = 3")) +
      (await count("stories WHERE model = 'planted' AND files_left = 1")) -
      1,
    'files not forgotten': await count("files WHERE id LIKE 'planted%'"),
    'webhooks not sent': await count("webhook_deliveries WHERE id = 'msg_planted' AND status <> 'delivered'"),
    'objects set aside instead of one': Math.abs(
      (await count(`object_deletions WHERE key LIKE 'stories/planted%' AND attempts > 0`)) - 1,
    ),
  }
  return Object.entries(left).flatMap(([what, n]) => (n === 0 ? [] : `${n} ${what}`))
}

/** Hours go by: what is enqueued for deletion is due. Nothing is being uploaded, because no edge runs. */
export async function passTime(d1: D1Database): Promise<void> {
  await d1.prepare('UPDATE object_deletions SET due_at = 0 WHERE due_at IS NOT NULL').run()
}
