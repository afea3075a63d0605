/** An API key as routes show it. */
import type { Key } from '../../../contract/key.ts'
import type { ApiKeyRow } from '../../db/keys/api-keys.ts'

export function viewOfKey(row: ApiKeyRow): Key {
  return {
    id: row.id,
    name: row.name,
    tenant: row.tenant,
    prefix: row.prefix,
    scopes: row.scopes,
    retention_days: row.retentionDays,
    creates_per_minute: row.createsPerMinute,
    weight: row.weight,
    max_running: row.maxRunning,
    max_queued: row.maxQueued,
    max_stored_bytes: row.maxStoredBytes,
    stored_bytes: row.storedBytes,
    origins: row.origins,
    created_at: new Date(row.createdAt).toISOString(),
    expires_at: time(row.expiresAt),
    revoked_at: time(row.revokedAt),
    previous_valid_until: time(row.previousHashUntil),
  }
}

/** With what is shown only once; a runner needs the secret too. */
export const viewOfNewKey = (row: ApiKeyRow, key: string) => ({
  ...viewOfKey(row),
  key,
  ...(row.scopes.includes('runner') && { webhook_secret: row.webhookSecret }),
})

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
