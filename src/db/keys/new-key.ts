/** New API keys, each with the row that is kept of it. */
import { hashedKey, newKeyText } from '../../platform/api-key.ts'
import type { Tools } from '../../platform/env.ts'
import { base32, newWebhookSecret } from '../../platform/ids.ts'
import type { apiKeys } from '../schema/keys.ts'
import type { ApiKeyRow } from './api-keys.ts'

type Random = Pick<Tools, 'randomBytes'>
type Clock = Pick<Tools, 'now'>
export type KeyOptions = Partial<
  Pick<
    ApiKeyRow,
    | 'tenant'
    | 'scopes'
    | 'retentionDays'
    | 'createsPerMinute'
    | 'expiresAt'
    | 'weight'
    | 'maxRunning'
    | 'maxQueued'
    | 'maxStoredBytes'
    | 'origins'
  >
>

/** A new key and its row, which does not hold it. */
export async function newApiKey(name: string, tools: Random & Clock, options: KeyOptions = {}) {
  const key = newKeyText(tools)
  return { key, row: await apiKeyRow(key, name, tools, options) }
}

/** The row of a key that exists already; throws when it is not spelt like one. */
export async function apiKeyRow(key: string, name: string, tools: Random & Clock, options: KeyOptions = {}) {
  return {
    id: `key_${base32(tools.randomBytes(10))}`,
    name,
    ...(await hashedKey(key)),
    webhookSecret: newWebhookSecret(tools.randomBytes),
    createdAt: tools.now(),
    ...options,
  } satisfies typeof apiKeys.$inferInsert
}
