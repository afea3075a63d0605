/** API keys. Times are milliseconds since 1970. */
import { index, integer, real, sqliteTable, text } from 'drizzle-orm/sqlite-core'
import type { AuditAction } from '../../../contract/admin.ts'
import { DEFAULT_RETENTION_DAYS, DEFAULT_SCOPES, DEFAULT_STORED_BYTES, type Scope } from '../../../contract/key.ts'

export const apiKeys = sqliteTable('api_keys', {
  id: text('id').primaryKey(),
  name: text('name').notNull(),
  /** Whose the key is, for operators; several keys may be of one tenant. */
  tenant: text('tenant'),
  /** SHA-256 of the whole key in hex; the key itself is shown once and kept nowhere. */
  hash: text('hash').notNull().unique(),
  /** The key before the last rotation, good as well until `previous_hash_until`. */
  previousHash: text('previous_hash').unique(),
  previousHashUntil: integer('previous_hash_until'),
  /** The first characters of the key, to tell keys apart in lists. */
  prefix: text('prefix').notNull(),
  /** `whsec_` and standard base64: signs the webhooks of this key's stories. */
  webhookSecret: text('webhook_secret').notNull(),
  /** The secret before the last rotation; webhooks are signed with both until `previous_webhook_secret_until`. */
  previousWebhookSecret: text('previous_webhook_secret'),
  previousWebhookSecretUntil: integer('previous_webhook_secret_until'),
  scopes: text('scopes', { mode: 'json' }).notNull().default(DEFAULT_SCOPES).$type<Scope[]>(),
  /** How long the content of its stories is kept after their end; null for ever. */
  retentionDays: real('retention_days').default(DEFAULT_RETENTION_DAYS),
  /** Null for the limit of the settings. */
  createsPerMinute: integer('creates_per_minute'),
  createdAt: integer('created_at').notNull(),
  expiresAt: integer('expires_at'),
  /** Signed links carry it: raising it ends all links to what this key has made. */
  linkGeneration: integer('link_generation').notNull().default(0),
  revokedAt: integer('revoked_at'),
  /** The key's share of the runners, relative to other keys whose stories wait. */
  weight: real('weight').notNull().default(1),
  /** Stories that may run, and that may wait, at the same time. */
  maxRunning: integer('max_running').notNull().default(100),
  maxQueued: integer('max_queued').notNull().default(10_000),
  /** Bytes of its files and reference pictures. */
  maxStoredBytes: integer('max_stored_bytes').notNull().default(DEFAULT_STORED_BYTES),
  /** How many there are; kept by triggers of both tables. */
  storedBytes: integer('stored_bytes').notNull().default(0),
  /** Web sites whose pages may use the key, as browsers spell them: `https://app.example`. */
  origins: text('origins', { mode: 'json' }).notNull().default([]).$type<string[]>(),
  /** How many do run, and wait; kept by triggers of `stories`. */
  running: integer('running').notNull().default(0),
  queued: integer('queued').notNull().default(0),
})

/** What was done to keys, and by operators to stories of any key. Written in the batch that does it. */
export const auditLog = sqliteTable(
  'audit_log',
  {
    id: integer('id').primaryKey({ autoIncrement: true }),
    at: integer('at').notNull(),
    /** The API key that did it. */
    actor: text('actor').notNull(),
    action: text('action').notNull().$type<AuditAction>(),
    /** The key, the story or the tenant that it was done to. */
    target: text('target').notNull(),
    detail: text('detail', { mode: 'json' }).notNull().$type<Record<string, unknown>>(),
    requestId: text('request_id').notNull(),
  },
  (table) => [index('audit_log_target').on(table.target, table.id)],
)
export type AuditRow = typeof auditLog.$inferSelect
