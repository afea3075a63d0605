/** What crosses the wire about API keys (`/keys`, for keys with the scope `admin`) and about their usage (`/usage`). */
import { z } from 'zod'

export const Scope = z.enum(['stories:write', 'stories:read', 'webhooks', 'admin', 'runner'])
export type Scope = z.infer<typeof Scope>

/** The scopes of a key that was created without any. */
export const DEFAULT_SCOPES: Scope[] = ['stories:write', 'stories:read', 'webhooks']
/** Days that the pictures of a story are kept. */
export const DEFAULT_RETENTION_DAYS = 7
/** Bytes of files and reference pictures: 10 GB. */
export const DEFAULT_STORED_BYTES = 10_000_000_000

const Time = z.iso.datetime()
const days = (max: number) => z.number().min(0, `0 to ${max}`).max(max, `0 to ${max}`)

export const KeyId = z
  .string()
  .regex(/^key_[a-z2-7]{16}$/, 'a key id is key_ and 16 characters of a-z and 2-7')
  .meta({ example: 'key_ufawqhfynnddngld' })

const cap = (most: number) => z.int().min(1, `1 to ${most}`).max(most, `1 to ${most}`)

/** The limits of a key; they can be changed later. */
const limits = {
  creates_per_minute: z
    .int()
    .min(1, 'at least 1')
    .max(1_000_000, 'at most 1000000')
    .nullable()
    .describe('Its rate limit for requests that change something; null for the one of the server'),
  weight: z
    .number()
    .min(0.01, '0.01 to 1000')
    .max(1000, '0.01 to 1000')
    .describe('Its share of the runners while other keys wait too: weight 2 is served twice as often as weight 1'),
  max_running: cap(10_000).describe('How many of its stories may run at a time'),
  max_queued: cap(1_000_000).describe('How many of its stories may wait; further ones are refused'),
  max_stored_bytes: z
    .int()
    .min(0, '0 to 1000000000000000')
    .max(1e15, '0 to 1000000000000000')
    .describe('How many bytes its files and the references of its characters may take; uploads beyond are refused'),
}

/** RFC 6454, spelt as browsers send it: no path, no slash at the end, no default port. */
export const Origin = z
  .string()
  .max(300)
  .refine(isOrigin, 'an origin such as https://app.example or http://localhost:5173, without a path')
  .meta({ example: 'https://app.example' })

function isOrigin(text: string): boolean {
  return /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text
}

/** Web pages that may use a key. */
const Origins = z
  .array(Origin)
  .max(100, 'at most 100 origins')
  .transform((origins) => [...new Set(origins)])
  .describe(
    'Web sites whose pages may use the key, and that may show its stories in frames. Pages of other sites are refused; servers are not affected',
  )

/** Whose a key is. */
export const Tenant = z
  .string()
  .trim()
  .min(1, 'must not be blank')
  .max(100, 'at most 100 characters')
  .describe('For operators, who list and stop stories by it; several keys may be of one tenant')

export const CreateKey = z
  .strictObject({
    name: z.string().trim().min(1, 'must not be blank').max(100, 'at most 100 characters'),
    tenant: Tenant.nullable().default(null),
    scopes: z
      .array(Scope)
      .min(1, 'at least one scope')
      .default(DEFAULT_SCOPES)
      .transform((scopes) => [...new Set(scopes)]),
    expires_at: Time.nullable().default(null).describe('When the key ends by itself; null for never'),
    retention_days: days(3650)
      .nullable()
      .default(DEFAULT_RETENTION_DAYS)
      .describe('How long pictures and texts of a story are kept after its end; null for ever'),
    creates_per_minute: limits.creates_per_minute.default(null),
    weight: limits.weight.default(1),
    max_running: limits.max_running.default(100),
    max_queued: limits.max_queued.default(10_000),
    max_stored_bytes: limits.max_stored_bytes.default(DEFAULT_STORED_BYTES),
    origins: Origins.default([]),
  })
  .meta({ id: 'CreateKey' })
export type CreateKey = z.infer<typeof CreateKey>

/** What is left out stays as it is. */
export const UpdateKey = z
  .strictObject({ ...limits, tenant: Tenant.nullable(), origins: Origins })
  .partial()
  .refine((changes) => Object.keys(changes).length > 0, 'must change something')
  .meta({ id: 'UpdateKey' })
export type UpdateKey = z.infer<typeof UpdateKey>

export const Key = z
  .object({
    id: KeyId,
    name: z.string(),
    tenant: z.string().nullable(),
    prefix: z.string().describe('How the key begins'),
    scopes: z.array(Scope),
    retention_days: z.number().nullable(),
    creates_per_minute: z.int().nullable(),
    weight: z.number(),
    max_running: z.int(),
    max_queued: z.int(),
    max_stored_bytes: z.int(),
    stored_bytes: z.int().describe('How many of them are taken'),
    origins: z.array(Origin).describe('Web sites whose pages may use the key'),
    created_at: Time,
    expires_at: Time.nullable(),
    revoked_at: Time.nullable(),
    previous_valid_until: Time.nullable().describe('Until when the key before the last rotation works too'),
  })
  .meta({ id: 'Key' })
export type Key = z.infer<typeof Key>

/** What became of the stories of a key or a tenant. */
const count = z.int().min(0)
export const Stopped = z
  .object({
    canceled: count.describe('Stories that were queued'),
    stopping: count.describe('Stories that were running; each stops within a heartbeat'),
    more: z.boolean().describe('There are more than one request takes on: repeat it'),
  })
  .meta({ id: 'Stopped' })

/** `stopped` when its stories were to be stopped too. */
export const RevokedKey = Key.extend({ stopped: Stopped.optional() }).meta({ id: 'RevokedKey' })

/** The one time that the key itself is shown. */
export const NewKey = Key.extend({
  key: z.string().describe('Shown this once, and kept nowhere'),
  webhook_secret: z
    .string()
    .optional()
    .describe('Of a key with the scope `runner`: the RUNNER_WEBHOOK_SECRET beside it, which is its RUNNER_TOKEN'),
}).meta({ id: 'NewKey' })

export const KeyList = z.object({ results: z.array(Key) }).meta({ id: 'KeyList' })

export const RotateKey = z
  .strictObject({
    overlap_hours: z
      .number()
      .min(0, '0 to 720')
      .max(720, '0 to 720')
      .default(24)
      .describe('How long the present key still works beside the new one'),
  })
  .meta({ id: 'RotateKey' })

export const Usage = z
  .object({
    days: z
      .array(
        z.object({
          day: z.iso.date().describe('UTC'),
          stories: z.int().describe('Accepted on this day'),
          frames: z.int().describe('Generated for them'),
          runner_seconds: z.number().describe('From the start to the end of those that have ended'),
        }),
      )
      .describe('Newest first; days without stories are left out'),
  })
  .meta({ id: 'Usage' })
export type Usage = z.infer<typeof Usage>
