/** What D1 and R2 hold of a run: every change, written down by triggers, and what is there in the end. */
import type { D1Database, R2Bucket } from '@cloudflare/workers-types'
import type { FinalStory, History, Transition } from './history.ts'

/**
 * Let the database itself write down every change of a story, so that the history is exact and independent of the code
 * that is tested. To be called on a migrated database, before the run.
 */
export async function recordTransitions(db: D1Database): Promise<void> {
  const insert = (from: string, lease: string, due: string) =>
    `INSERT INTO chaos_history (story, api_key, model, from_status, to_status, ready, lease, at, due, error)
     VALUES (NEW.id, NEW.api_key_id, NEW.model, ${from}, NEW.status, NEW.ready, ${lease},
       CASE WHEN NEW.status = 'running' THEN NEW.claimed_at
         WHEN NEW.status = 'queued' AND NEW.ready THEN NEW.claimable_at ELSE NEW.completed_at END,
       ${due}, NEW.error ->> 'code');`
  const due = `CASE WHEN NEW.status IN ('running', 'expired') THEN OLD.start_by WHEN NEW.status = 'failed' THEN OLD.run_by END`
  await db.batch([
    db.prepare(
      `CREATE TABLE chaos_history (seq INTEGER PRIMARY KEY AUTOINCREMENT, story TEXT, api_key TEXT, model TEXT,
       from_status TEXT, to_status TEXT, ready INTEGER, lease TEXT, at INTEGER, due INTEGER, error TEXT)`,
    ),
    db.prepare(`CREATE TRIGGER chaos_insert AFTER INSERT ON stories BEGIN ${insert('NULL', 'NULL', 'NULL')} END`),
    db.prepare(
      `CREATE TRIGGER chaos_update AFTER UPDATE OF status, ready ON stories
       WHEN NEW.status <> OLD.status OR NEW.ready <> OLD.ready BEGIN ${insert('OLD.status', 'OLD.lease_token', due)} END`,
    ),
    db.prepare('CREATE TABLE chaos_frames (story TEXT, "index" INTEGER, lease TEXT)'),
    db.prepare(
      `CREATE TRIGGER chaos_frame AFTER INSERT ON frames BEGIN INSERT INTO chaos_frames
       SELECT id, NEW."index", lease_token FROM stories WHERE id = NEW.story_id; END`,
    ),
  ])
}

type Found = Pick<History, 'transitions' | 'stories' | 'outbox' | 'miscounted' | 'unstored' | 'unneeded'>

/** What is there after the run. */
export async function readDatabase(db: D1Database, pictures: R2Bucket): Promise<Found> {
  const all = async <Row>(sql: string) => (await db.prepare(sql).all<Row>()).results
  const transitions = await all<Omit<Transition, 'ready'> & { ready: number }>(
    `SELECT seq, story, api_key AS key, model, from_status AS "from", to_status AS "to", ready, lease, at, due, error
     FROM chaos_history WHERE story NOT LIKE 'planted%' ORDER BY seq`,
  )
  const frames = await all<{ story: string; index: number; key: string; sha256: string; lease: string | null }>(
    `SELECT story_id AS story, f."index", key, sha256, c.lease FROM frames f
     LEFT JOIN chaos_frames c ON c.story = story_id AND c."index" = f."index" WHERE story_id NOT LIKE 'planted%'`,
  )
  const framesOf = Map.groupBy(frames, (frame) => frame.story)
  const stories = await all<
    Omit<FinalStory, 'frames' | 'deadLetter' | 'removed'> & { deadLetter: number; removed: number }
  >(
    `SELECT id, api_key_id AS key, status, frame_count AS frameCount, dead_letter AS deadLetter, resumes, webhook,
     data_removed_at IS NOT NULL AND NOT files_left AS removed FROM stories WHERE id NOT LIKE 'planted%'`,
  )
  const outbox = await all<Omit<History['outbox'][number], 'delivered'> & { status: string }>(
    `SELECT id, story_id AS story, type, sequence, status, created_at AS at, coalesce(length(body), 0) AS bytes
     FROM webhook_deliveries WHERE story_id NOT LIKE 'planted%'`,
  )
  const miscounted = await all<{ what: string }>(
    `SELECT 'running of key ' || id AS what FROM api_keys k
       WHERE running <> (SELECT count(*) FROM stories WHERE api_key_id = k.id AND status = 'running')
     UNION ALL SELECT 'queued of key ' || id FROM api_keys k
       WHERE queued <> (SELECT count(*) FROM stories WHERE api_key_id = k.id AND status = 'queued')
     UNION ALL SELECT 'ready of key ' || api_key_id || ' for ' || model FROM queue_shares q
       WHERE ready <> (SELECT count(*) FROM stories s WHERE s.model = q.model AND s.api_key_id = q.api_key_id AND s.ready = 1 AND s.status = 'queued')`,
  )
  const stored = await keysOf(pictures, 'stories/')
  const shown = new Set(frames.map(({ key }) => key))
  return {
    transitions: transitions.map((row) => ({ ...row, ready: row.ready === 1 })),
    stories: stories.map(({ deadLetter, removed, ...story }) => ({
      ...story,
      deadLetter: deadLetter === 1,
      removed: removed === 1,
      frames: (framesOf.get(story.id) ?? []).map(({ index, sha256, lease }) => ({ index, sha256, lease })),
    })),
    outbox: outbox.map(({ status, ...message }) => ({ ...message, delivered: status === 'delivered' })),
    miscounted: miscounted.map((row) => row.what),
    unstored: frames.filter(({ key }) => key !== '' && !stored.has(key)).map(({ story, index }) => `${story}/${index}`),
    unneeded: [...stored].filter((key) => !shown.has(key)).map((key) => ({ story: key.split('/')[1] ?? '', key })),
  }
}

/** Objects without a name, and names without an object. Hours after the run, no upload is under way. */
export async function readStores(d1: D1Database, bucket: R2Bucket) {
  const named = new Set<string>()
  for (const column of [
    'key FROM frames',
    'key FROM past_frames',
    'key FROM files',
    'key FROM reference_pictures',
    'key FROM object_deletions WHERE due_at IS NULL',
    "storyboard ->> 'key' AS key FROM stories WHERE storyboard IS NOT NULL",
    "storyboard_webp ->> 'key' AS key FROM stories WHERE storyboard_webp IS NOT NULL",
    "book_pdf ->> 'key' AS key FROM stories WHERE book_pdf IS NOT NULL",
    "consistency_sheet ->> 'key' AS key FROM stories WHERE consistency_sheet IS NOT NULL",
  ]) {
    const { results } = await d1.prepare(`SELECT ${column}`).all<{ key: string }>()
    for (const { key } of results) if (key !== '') named.add(key)
  }
  const stored = await keysOf(bucket, '')
  return {
    unnamed: [...stored].filter((key) => !named.has(key)),
    missing: [...named].filter((key) => !stored.has(key)),
  }
}

async function keysOf(bucket: R2Bucket, prefix: string): Promise<Set<string>> {
  const keys = new Set<string>()
  for (let cursor: string | undefined; ; ) {
    const page = await bucket.list({ prefix, ...(cursor !== undefined && { cursor }) })
    for (const { key } of page.objects) keys.add(key)
    if (!page.truncated) return keys
    cursor = page.cursor
  }
}
