/** The tables of the edge. Times are milliseconds since 1970; one row of `stories` is one job of the queue. */
import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, real, sqliteTable, text, uniqueIndex } from 'drizzle-orm/sqlite-core'
import type { BANK_TYPE, BankCharacter } from '../../contract/bank.ts'
import type { ConsistencyReport } from '../../contract/consistency.ts'
import { DEFAULT_RETENTION_DAYS, DEFAULT_SCOPES, type Scope } from '../../contract/key.ts'
import type { PredictionEvent, PredictionRequest } from '../../contract/prediction.ts'
import type { StoryRequest } from '../../contract/story.ts'
import type { AttemptOutcome, Progress, StoryError, StoryStatus, StoryWebhook } from '../../contract/story-view.ts'

export const apiKeys = sqliteTable('api_keys', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  /** SHA-256 of the whole key in hex; the key itself is shown once and kept nowhere. */
  hash: text('hash').notNull().unique(),
  /** The key before the last rotation, good as well until the time beside it. */
  previousHash: text('previous_hash').unique(),
  previousHashUntil: integer('previous_hash_until'),
  /** The first characters of the key, to tell keys apart in lists. */
  prefix: text('prefix').notNull(),
  /** `whsec_` and standard base64: signs the webhooks of this key's stories. */
  webhookSecret: text('webhook_secret').notNull(),
  /** The secret before the last rotation; webhooks are signed with both until the time beside it. */
  previousWebhookSecret: text('previous_webhook_secret'),
  previousWebhookSecretUntil: integer('previous_webhook_secret_until'),
  scopes: text('scopes', { mode: 'json' }).notNull().default(DEFAULT_SCOPES).$type<Scope[]>(),
  /** How long the content of its stories is kept after their end; null for ever. */
  retentionDays: real('retention_days').default(DEFAULT_RETENTION_DAYS),
  /** Null for the limit of the settings. */
  createsPerMinute: integer('creates_per_minute'),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at'),
  revokedAt: integer('revoked_at'),
  /** The key's share of the runners, beside that of other keys whose stories wait. */
  weight: real('weight').notNull().default(1),
  /** Stories that may run, and that may wait, at the same time. */
  maxRunning: integer('max_running').notNull().default(100),
  maxQueued: integer('max_queued').notNull().default(10_000),
  /** How many do; kept by triggers of `stories`. */
  running: integer('running').notNull().default(0),
  queued: integer('queued').notNull().default(0),
})

/** A picture in R2 that a story shows. */
export interface StoredPicture {
  key: string
  sha256: string
  width: number
  height: number
}

/** A story's character bank in R2, with what is said of it. */
export interface StoredBank {
  sha256: string
  bytes: number
  /** The model that it is for. */
  model: string
  cast: BankCharacter[]
}

/** What only Replicate's wire shows of a story that came by it; its webhooks are in that form too. */
export interface StoredPrediction {
  /** As it was posted. */
  input: PredictionRequest['input']
  events: PredictionEvent[]
}

/** How often a story is attempted when machines fail. */
export const DEFAULT_ATTEMPTS = 3
/** How long one attempt may take unless the story says otherwise. */
export const DEFAULT_RUN_MS = 30 * 60_000

/** What became of one claim. Times are milliseconds since 1970. */
export interface PastAttempt {
  /** Null when the runner never started, which costs the story nothing. */
  number: number | null
  runner: string
  claimedAt: number
  startedAt: number | null
  endedAt: number
  outcome: AttemptOutcome
}

export const stories = sqliteTable(
  'stories',
  {
    id: text('id').primaryKey(),
    apiKeyId: text('api_key_id')
      .notNull()
      .references(() => apiKeys.id),
    request: text('request', { mode: 'json' }).notNull().$type<StoryRequest>(),
    model: text('model').notNull(),
    seed: integer('seed').notNull(),
    /** Scheme and host that the story was posted to; the links of its views and webhooks begin with it. */
    origin: text('origin').notNull(),
    webhook: text('webhook'),
    /** W3C trace context of the request that posted the story, for its runner and webhooks. */
    traceparent: text('traceparent'),
    /** Null for stories that came by `POST /stories`. */
    prediction: text('prediction', { mode: 'json' }).$type<StoredPrediction>(),
    frameCount: integer('frame_count').notNull(),
    status: text('status').notNull().$type<StoryStatus>(),
    /** Lower goes first, among the stories of one key. */
    priority: integer('priority').notNull().default(0),
    /** Of a queued story: it is due, a runner may take it now. */
    ready: integer('ready', { mode: 'boolean' }).notNull().default(true),
    /**
     * Ready: since when. Queued and not ready: when it will be. Running: when the lease ends. Null once it has ended.
     * A lease is only this moment moved forward, so a story whose runner died comes back by itself.
     */
    claimableAt: integer('claimable_at'),
    /** Attempts that have started. */
    attempt: integer('attempt').notNull().default(0),
    maxAttempts: integer('max_attempts').notNull().default(DEFAULT_ATTEMPTS),
    /** Claims in a row of which nothing more was heard. They cost no attempt, but there is an end to them as well. */
    unstarted: integer('unstarted').notNull().default(0),
    /** Drawn anew by each claim; every write of a runner is fenced by it. Null unless running. */
    leaseToken: text('lease_token'),
    runner: text('runner'),
    claimedAt: integer('claimed_at'),
    /** When the runner that holds the story began; null until it has reported. */
    attemptStartedAt: integer('attempt_started_at'),
    /** What became of earlier claims, the latest ones, oldest first. */
    attempts: text('attempts', { mode: 'json' }).notNull().default([]).$type<PastAttempt[]>(),
    /** How long it may wait for its start; null for ever. */
    startWithinMs: integer('start_within_ms'),
    /** When it expires. Null once it has started, and if it may wait for ever. */
    startBy: integer('start_by'),
    /** How long one attempt may take. */
    runWithinMs: integer('run_within_ms').notNull().default(DEFAULT_RUN_MS),
    /** When the attempt under way has taken too long. */
    runBy: integer('run_by'),
    /** When the story has to be over, started or not; null for never. */
    finishBy: integer('finish_by'),
    /** Failed because it used up its attempts, not because of what it says. */
    deadLetter: integer('dead_letter', { mode: 'boolean' }).notNull().default(false),
    /** How often it was taken up again after it had ended; tells apart the webhooks of its ends. */
    resumes: integer('resumes').notNull().default(0),
    cancelRequested: integer('cancel_requested', { mode: 'boolean' }).notNull().default(false),
    /** The highest `sequence` among the events of the present lease. */
    eventSequence: integer('event_sequence').notNull().default(0),
    /** Grows with every change that a view shows. */
    version: integer('version').notNull().default(1),
    progress: text('progress', { mode: 'json' }).$type<Progress>(),
    /** Of the last failed attempt, also while another one is under way. */
    error: text('error', { mode: 'json' }).$type<StoryError>(),
    storyboard: text('storyboard', { mode: 'json' }).$type<StoredPicture>(),
    /** What the runner that drew the last frame made of the story's consistency, and a picture of that. */
    consistency: text('consistency', { mode: 'json' }).$type<ConsistencyReport>(),
    consistencySheet: text('consistency_sheet', { mode: 'json' }).$type<StoredPicture>(),
    /** What more frames take to keep the characters; null before they were sampled. */
    bank: text('bank', { mode: 'json' }).$type<StoredBank>(),
    createdAt: integer('created_at').notNull(),
    startedAt: integer('started_at'),
    completedAt: integer('completed_at'),
    /** How long its content is kept after its end; null for ever. */
    retentionMs: integer('retention_ms'),
    /** When its content is removed: set by a trigger when it ends. Null before that, for ever, and afterwards. */
    expiresAt: integer('expires_at'),
    dataRemovedAt: integer('data_removed_at'),
    /** Its content was removed, and its pictures have yet to be. */
    filesLeft: integer('files_left', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [
    index('stories_ready')
      .on(table.model, table.apiKeyId, table.priority, table.claimableAt)
      .where(sql`status = 'queued' AND ready = 1`),
    index('stories_due').on(table.claimableAt).where(sql`ready = 0 AND claimable_at IS NOT NULL`),
    index('stories_start_by').on(table.startBy).where(sql`status = 'queued' AND start_by IS NOT NULL`),
    index('stories_lease').on(table.leaseToken).where(sql`lease_token IS NOT NULL`),
    // Holds all that `outlook.ts` reads.
    index('stories_history')
      .on(table.model, table.completedAt, table.startedAt, table.frameCount)
      .where(sql`status = 'succeeded' AND attempt = 1`),
    index('stories_expire').on(table.expiresAt).where(sql`expires_at IS NOT NULL`),
    index('stories_files_left').on(table.id).where(sql`files_left = 1`),
    index('stories_list').on(table.apiKeyId, table.createdAt, table.id),
  ],
)
export type StoryRow = typeof stories.$inferSelect

/** An answer to a request that created something, as it was given. */
export interface StoredAnswer {
  status: number
  location: string
  body: unknown
}

/** What was answered to requests that carried an Idempotency-Key; written in the batch that creates the resource. */
export const idempotencyKeys = sqliteTable(
  'idempotency_keys',
  {
    apiKeyId: text('api_key_id').notNull(),
    key: text('key').notNull(),
    fingerprint: text('fingerprint').notNull(),
    /** Of the story or character that was created; the column is older than the latter. */
    resourceId: text('story_id').notNull(),
    answer: text('answer', { mode: 'json' }).notNull().$type<StoredAnswer>(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.apiKeyId, table.key] }),
    index('idempotency_keys_created').on(table.createdAt),
    index('idempotency_keys_story').on(table.resourceId),
  ],
)
export type IdempotencyRow = typeof idempotencyKeys.$inferSelect

/**
 * Stride scheduling: one row for each API key and model. The key with the lowest `pass` goes next; being served moves
 * it on by 1 / weight. Kept by triggers of `stories`, like `apiKeys.running`, so that no change can forget them.
 */
export const queueShares = sqliteTable(
  'queue_shares',
  {
    model: text('model').notNull(),
    apiKeyId: text('api_key_id').notNull(),
    /** Stories of the key that are ready for this model. */
    ready: integer('ready').notNull().default(0),
    pass: real('pass').notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.model, table.apiKeyId] }),
    index('queue_shares_next').on(table.model, table.pass).where(sql`ready > 0`),
  ],
)

/**
 * The pass at which a model's queue is: that of the key served last. A key that comes back from being idle, or from its
 * cap on running stories, goes on from here, so that it cannot catch up on what it did not ask for.
 */
export const queueClocks = sqliteTable('queue_clocks', {
  model: text('model').primaryKey(),
  pass: real('pass').notNull(),
})

const frameColumns = () => ({
  storyId: text('story_id')
    .notNull()
    .references(() => stories.id),
  index: integer('index').notNull(),
  key: text('key').notNull(),
  sha256: text('sha256').notNull(),
  width: integer('width').notNull(),
  height: integer('height').notNull(),
  seed: integer('seed').notNull(),
  /** The attempt that drew it: a finished frame outlives the lease it was drawn under. */
  attempt: integer('attempt').notNull(),
  createdAt: integer('created_at').notNull(),
  /** How often it had been drawn before. */
  revision: integer('revision').notNull().default(0),
})

export const frames = sqliteTable('frames', frameColumns(), (table) => [
  primaryKey({ columns: [table.storyId, table.index] }),
])
/** Frames that were drawn again since: their pictures keep their names. */
export const pastFrames = sqliteTable('past_frames', frameColumns(), (table) => [
  primaryKey({ columns: [table.storyId, table.index, table.revision] }),
])
export type FrameRow = typeof frames.$inferSelect

/**
 * `waiting` behind an earlier message of its story, `pending` a try, or settled: `delivered`, or `failed` for good.
 * Messages of one story are sent in the order of their `sequence`, so at most one or two of them are pending.
 */
export type DeliveryStatus = 'waiting' | 'pending' | 'delivered' | 'failed'

/**
 * Webhooks owed to apps. A row is written in the batch that changes the story, under an id that the event determines
 * (`msg_<story>_completed`), so a change is announced once, whatever crashes in between.
 */
export const deliveries = sqliteTable(
  'webhook_deliveries',
  {
    id: text('id').primaryKey(),
    storyId: text('story_id')
      .notNull()
      .references(() => stories.id),
    apiKeyId: text('api_key_id').notNull(),
    /** Scheme and host of the URL. With the API key it names the lane: what one Durable Object sends. */
    origin: text('origin').notNull(),
    /** Counts the messages of one story from 1. */
    sequence: integer('sequence').notNull(),
    type: text('type').notNull().$type<StoryWebhook['type']>(),
    status: text('status').notNull().$type<DeliveryStatus>(),
    /** Written at the first try, so that every later try sends the same bytes. */
    body: text('body'),
    /** Since the message became due or was replayed; `webhook_attempts` has them all. */
    attempts: integer('attempts').notNull().default(0),
    /** Null unless pending. While a try is under way: when it counts as lost. */
    nextAttemptAt: integer('next_attempt_at'),
    lastStatus: integer('last_status'),
    lastError: text('last_error'),
    createdAt: integer('created_at').notNull(),
    deliveredAt: integer('delivered_at'),
  },
  (table) => [
    index('webhook_deliveries_due')
      .on(table.apiKeyId, table.origin, table.nextAttemptAt)
      .where(sql`next_attempt_at IS NOT NULL`),
    index('webhook_deliveries_pending').on(table.createdAt).where(sql`next_attempt_at IS NOT NULL`),
    uniqueIndex('webhook_deliveries_story').on(table.storyId, table.sequence),
    index('webhook_deliveries_list').on(table.apiKeyId, table.createdAt, table.id),
  ],
)
export type DeliveryRow = typeof deliveries.$inferSelect

/** Every try of every delivery, for the app to look at. */
export const webhookAttempts = sqliteTable(
  'webhook_attempts',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    deliveryId: text('delivery_id')
      .notNull()
      .references(() => deliveries.id),
    at: integer('at').notNull(),
    /** How long the answer took. */
    ms: integer('ms').notNull(),
    /** Null when there was no answer. */
    status: integer('status'),
    /** The first kilobyte of the answer. */
    response: text('response'),
    error: text('error'),
  },
  (table) => [index('webhook_attempts_delivery').on(table.deliveryId)],
)
export type AttemptRow = typeof webhookAttempts.$inferSelect

/** URLs that answered 410 Gone: nothing is sent there until a ping succeeds. */
export const goneWebhooks = sqliteTable(
  'gone_webhooks',
  { apiKeyId: text('api_key_id').notNull(), url: text('url').notNull(), since: integer('since').notNull() },
  (table) => [primaryKey({ columns: [table.apiKeyId, table.url] })],
)

/** `webhook-id`s of runner events that took effect, kept for as long as a copy of one would pass the age check. */
export const runnerMessages = sqliteTable(
  'runner_messages',
  {
    id: text('id').primaryKey(),
    storyId: text('story_id').notNull(),
    receivedAt: integer('received_at').notNull(),
  },
  (table) => [index('runner_messages_received').on(table.receivedAt)],
)

/** Uploads of apps; the bytes are in R2 under `key`. */
export const files = sqliteTable(
  'files',
  {
    id: text('id').primaryKey(),
    apiKeyId: text('api_key_id').notNull(),
    key: text('key').notNull(),
    name: text('name').notNull(),
    contentType: text('content_type').notNull(),
    /** Bytes. */
    size: integer('size').notNull(),
    /** Hex. */
    sha256: text('sha256').notNull(),
    metadata: text('metadata', { mode: 'json' }).notNull().$type<Record<string, unknown>>(),
    createdAt: integer('created_at').notNull(),
    expiresAt: integer('expires_at').notNull(),
  },
  (table) => [
    index('files_list').on(table.apiKeyId, table.createdAt, table.id),
    index('files_expired').on(table.expiresAt),
  ],
)
export type FileRow = typeof files.$inferSelect

/** A picture of a character: a URL to fetch, or one that is kept in `reference_pictures`. */
export type StoredReference = { url: string } | { sha256: string; contentType: PictureType; size: number }
export type PictureType = 'image/png' | 'image/jpeg' | 'image/webp'

export const characters = sqliteTable(
  'characters',
  {
    id: text('id').primaryKey(),
    apiKeyId: text('api_key_id').notNull(),
    name: text('name').notNull(),
    description: text('description').notNull(),
    references: text('references', { mode: 'json' }).notNull().$type<StoredReference[]>(),
    createdAt: integer('created_at').notNull(),
  },
  (table) => [index('characters_list').on(table.apiKeyId, table.createdAt, table.id)],
)
export type CharacterRow = typeof characters.$inferSelect

/** Pictures, and banks, in R2 that characters, and stories that have not ended, name by their hash: one of each for an API key. */
export const referencePictures = sqliteTable(
  'reference_pictures',
  {
    /** In R2. */
    key: text('key').primaryKey(),
    apiKeyId: text('api_key_id').notNull(),
    /** Hex. */
    sha256: text('sha256').notNull(),
    contentType: text('content_type').notNull().$type<PictureType | typeof BANK_TYPE>(),
    /** When it was last uploaded, or a character with it deleted; null once something is known to need it. */
    checkSince: integer('check_since'),
    /** Nothing needs it, and its bytes have yet to be deleted. */
    unneeded: integer('unneeded', { mode: 'boolean' }).notNull().default(false),
  },
  (table) => [
    uniqueIndex('reference_pictures_hash').on(table.apiKeyId, table.sha256).where(sql`unneeded = 0`),
    index('reference_pictures_check').on(table.checkSince).where(sql`check_since IS NOT NULL`),
    index('reference_pictures_unneeded').on(table.key).where(sql`unneeded = 1`),
  ],
)
