/** What a run leaves behind, and what the check is made of. */
import type { D1Database } from '@cloudflare/workers-types'
import type { StoryStatus } from '../../contract/story.ts'

/** One change of a story's place in the queue, in the order in which the database made them. */
export interface Transition {
  seq: number
  story: string
  key: string
  model: string
  from: StoryStatus | null
  to: StoryStatus
  ready: boolean
  /** The lease that the story was under until then. */
  lease: string | null
}

export interface FinalStory {
  id: string
  key: string
  status: StoryStatus
  frameCount: number
  /** Each frame that is there, and the lease that the story was under when it came. */
  frames: { index: number; sha256: string; lease: string | null }[]
  attempt: number
  maxAttempts: number
  deadLetter: boolean
  resumes: number
  /** Null unless it subscribed to its end. */
  webhook: string | null
}

/** How a runner ends its work on a story: by one of three events, or by handing it back. */
export type End = 'story.completed' | 'story.failed' | 'story.canceled' | 'release'

export interface History {
  keys: { id: string; weight: number; maxRunning: number }[]
  /** Stories that an app was told are accepted. */
  accepted: { id: string; key: string; frames: number }[]
  transitions: Transition[]
  stories: FinalStory[]
  /** Terminal webhooks that are owed, by the outbox. */
  owed: { id: string; story: string; type: string; delivered: boolean }[]
  /** Webhooks that came, by the receivers; only those whose signature was right. */
  received: { id: string; story: string; type: string; status: StoryStatus; body: string }[]
  /** Webhooks whose signature was wrong. */
  forged: number
  /** Frames that runners were told are kept; `own` when it is the very picture that they sent. */
  frameAcks: { story: string; index: number; sha256: string; leaseToken: string; own: boolean }[]
  /** Ends of their work that runners were told took effect. */
  endAcks: { story: string; leaseToken: string; what: End }[]
  /** Answers of the edge that are its own fault. */
  faults: string[]
  /** Counters of the queue that disagree with what there is to count. */
  miscounted: string[]
}

/**
 * Let the database itself write down every change of a story, so that the history is exact and independent of the code
 * that is tested. To be called on a migrated database, before the run.
 */
export async function recordTransitions(db: D1Database): Promise<void> {
  const row = '(NEW.id, NEW.api_key_id, NEW.model, %, NEW.status, NEW.ready, @)'
  const insert = (from: string, lease: string) =>
    `INSERT INTO chaos_history (story, api_key, model, from_status, to_status, ready, lease)
     VALUES ${row.replace('%', from).replace('@', lease)};`
  await db.batch([
    db.prepare(
      `CREATE TABLE chaos_history (seq INTEGER PRIMARY KEY AUTOINCREMENT, story TEXT, api_key TEXT, model TEXT,
       from_status TEXT, to_status TEXT, ready INTEGER, lease TEXT)`,
    ),
    db.prepare(`CREATE TRIGGER chaos_insert AFTER INSERT ON stories BEGIN ${insert('NULL', 'NULL')} END`),
    db.prepare(
      `CREATE TRIGGER chaos_update AFTER UPDATE OF status, ready ON stories
       WHEN NEW.status <> OLD.status OR NEW.ready <> OLD.ready BEGIN ${insert('OLD.status', 'OLD.lease_token')} END`,
    ),
    db.prepare('CREATE TABLE chaos_frames (story TEXT, "index" INTEGER, lease TEXT)'),
    db.prepare(
      `CREATE TRIGGER chaos_frame AFTER INSERT ON frames BEGIN INSERT INTO chaos_frames
       SELECT id, NEW."index", lease_token FROM stories WHERE id = NEW.story_id; END`,
    ),
  ])
}

/** What the database holds after the run. */
export async function readDatabase(
  db: D1Database,
): Promise<Pick<History, 'transitions' | 'stories' | 'owed' | 'miscounted'>> {
  const all = async <Row>(sql: string) => (await db.prepare(sql).all<Row>()).results
  const transitions = await all<Omit<Transition, 'ready'> & { ready: number }>(
    `SELECT seq, story, api_key AS key, model, from_status AS "from", to_status AS "to", ready, lease
     FROM chaos_history ORDER BY seq`,
  )
  const frames = Map.groupBy(
    await all<{ story: string; index: number; sha256: string; lease: string | null }>(
      `SELECT story_id AS story, f."index", sha256, c.lease FROM frames f
       LEFT JOIN chaos_frames c ON c.story = story_id AND c."index" = f."index"`,
    ),
    (frame) => frame.story,
  )
  const stories = await all<Omit<FinalStory, 'frames' | 'deadLetter'> & { deadLetter: number }>(
    `SELECT id, api_key_id AS key, status, frame_count AS frameCount, attempt, max_attempts AS maxAttempts,
     dead_letter AS deadLetter, resumes, webhook FROM stories`,
  )
  const owed = await all<{ id: string; story: string; type: string; status: string }>(
    `SELECT id, story_id AS story, type, status FROM webhook_deliveries
     WHERE type IN ('story.completed', 'story.failed', 'story.canceled', 'story.expired')`,
  )
  const miscounted = await all<{ what: string }>(
    `SELECT 'running of key ' || id AS what FROM api_keys k
       WHERE running <> (SELECT count(*) FROM stories WHERE api_key_id = k.id AND status = 'running')
     UNION ALL SELECT 'queued of key ' || id FROM api_keys k
       WHERE queued <> (SELECT count(*) FROM stories WHERE api_key_id = k.id AND status = 'queued')
     UNION ALL SELECT 'ready of key ' || api_key_id || ' for ' || model FROM queue_shares q
       WHERE ready <> (SELECT count(*) FROM stories s WHERE s.model = q.model AND s.api_key_id = q.api_key_id AND s.ready = 1 AND s.status = 'queued')`,
  )
  return {
    transitions: transitions.map((row) => ({ ...row, ready: row.ready === 1 })),
    stories: stories.map((row) => ({ ...row, deadLetter: row.deadLetter === 1, frames: frames.get(row.id) ?? [] })),
    owed: owed.map(({ id, story, type, status }) => ({ id, story, type, delivered: status === 'delivered' })),
    miscounted: miscounted.map((row) => row.what),
  }
}
