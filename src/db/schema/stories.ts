/** Stories with their frames. One row of `stories` is one job of the queue. Times are milliseconds since 1970. */
import { sql } from 'drizzle-orm'
import { index, integer, primaryKey, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { BankCharacter } from '../../../contract/bank.ts'
import type { ConsistencyReport } from '../../../contract/consistency.ts'
import type { PredictionEvent, PredictionRequest } from '../../../contract/prediction.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import type { AttemptOutcome, Progress, StoryError, StoryStatus } from '../../../contract/story-view.ts'
import { apiKeys } from './keys.ts'

/** A picture in R2 that a story shows. */
export interface StoredPicture {
  key: string
  sha256: string
  width: number
  height: number
}

/** A file in R2 that a story offers. */
export type StoredFile = Pick<StoredPicture, 'key' | 'sha256'>

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
    /** The version of `contract/runner.ts` that a runner must speak to read the story: see `contract/protocol.ts`. */
    protocol: integer('protocol').notNull().default(1),
    /** A runner that gets the story no more before `avoidUntil`: it failed there in a way that others may not. */
    avoidRunner: text('avoid_runner'),
    avoidUntil: integer('avoid_until'),
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
    /** The storyboard as WebP, and the story as a PDF: of runners that make them. */
    storyboardWebp: text('storyboard_webp', { mode: 'json' }).$type<StoredFile>(),
    bookPdf: text('book_pdf', { mode: 'json' }).$type<StoredFile>(),
    /** What the runner that drew the last frame made of the story's consistency, and a picture of that. */
    consistency: text('consistency', { mode: 'json' }).$type<ConsistencyReport>(),
    consistencySheet: text('consistency_sheet', { mode: 'json' }).$type<StoredPicture>(),
    /** What more frames take to keep the characters; null before they were sampled. */
    bank: text('bank', { mode: 'json' }).$type<StoredBank>(),
    /** The client token that created it; null for those of the API key itself. */
    clientToken: text('client_token'),
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
    // Holds all that the limits of a token are counted by.
    index('stories_client_token').on(table.clientToken, table.frameCount).where(sql`client_token IS NOT NULL`),
    index('stories_list').on(table.apiKeyId, table.createdAt, table.id),
    // Of all keys, for operators.
    index('stories_newest').on(table.createdAt, table.id),
  ],
)
export type StoryRow = typeof stories.$inferSelect

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
  /** The attempt that generated it: a finished frame outlives the lease it was generated under. */
  attempt: integer('attempt').notNull(),
  createdAt: integer('created_at').notNull(),
  /** How often it had been generated before. */
  revision: integer('revision').notNull().default(0),
})

export const frames = sqliteTable('frames', frameColumns(), (table) => [
  primaryKey({ columns: [table.storyId, table.index] }),
])
/** Frames that were redrawn since: their pictures keep their names. */
export const pastFrames = sqliteTable('past_frames', frameColumns(), (table) => [
  primaryKey({ columns: [table.storyId, table.index, table.revision] }),
])
export type FrameRow = typeof frames.$inferSelect
