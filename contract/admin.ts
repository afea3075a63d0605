/** What operators see and do, with the scope `admin`: stories of any key, and the log of what was done. */
import { z } from 'zod'
import { KeyId, Stopped, Tenant } from './key.ts'
import { pageOf } from './page.ts'
import { Story, StoryStatus } from './story-view.ts'

export const AdminStory = Story.extend({ api_key: KeyId.describe('The key that posted it') }).meta({ id: 'AdminStory' })
export type AdminStory = z.infer<typeof AdminStory>

export const AdminStoryList = pageOf(AdminStory).meta({ id: 'AdminStoryList' })

/** The stories of one key, or of all keys of one tenant. */
export const Whose = z
  .strictObject({ key: KeyId.optional(), tenant: Tenant.optional() })
  .refine(({ key, tenant }) => (key === undefined) !== (tenant === undefined), 'one of key and tenant')
  .meta({ id: 'Whose', example: { tenant: 'shop' } })

/** The `status` of stories to list. */
export const AdminQuery = z.object({
  key: KeyId.optional().describe('Only stories of this key'),
  tenant: z.string().optional().describe('Only stories of the keys of this tenant'),
  status: StoryStatus.optional(),
})

export const Erased = Stopped.extend({
  erased: z.int().min(0).describe('Stories whose content was removed. Those that are stopping follow within a minute'),
}).meta({ id: 'Erased' })

export const AuditAction = z.enum([
  'key.created',
  'key.updated',
  'key.rotated',
  'key.revoked',
  'key.links_revoked',
  'key.secret_rotated',
  'story.read',
  'story.canceled',
  'story.deleted',
  'story.redriven',
  'stories.listed',
  'stories.canceled',
  'stories.deleted',
])
export type AuditAction = z.infer<typeof AuditAction>

export const AuditEntry = z
  .object({
    id: z.int(),
    at: z.iso.datetime(),
    actor: z.string().describe('The API key that did it'),
    action: AuditAction,
    target: z.string().describe('The id of a key or a story, or the name of a tenant'),
    detail: z.record(z.string(), z.unknown()),
    request_id: z.string(),
  })
  .meta({ id: 'AuditEntry' })
export type AuditEntry = z.infer<typeof AuditEntry>

export const AuditList = pageOf(AuditEntry).meta({ id: 'AuditList' })
