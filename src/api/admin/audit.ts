/** `GET /admin/audit`: what was done to keys, and by operators. */
import { createRoute } from '@hono/zod-openapi'
import { z } from 'zod'
import { type AuditEntry, AuditList } from '../../../contract/admin.ts'
import { listAudit } from '../../db/keys/audit.ts'
import type { AuditRow } from '../../db/schema/keys.ts'
import { requireApiKey } from '../http/auth.ts'
import { pageOf } from '../http/paging.ts'
import { json, newRoutes, PageQuery, problems } from '../http/routes.ts'

const list = createRoute({
  method: 'get',
  path: '/admin/audit',
  summary: 'The audit log, newest first',
  description:
    'Keys made, changed, rotated and revoked, and what operators did to stories. Nothing in it is ever removed.',
  tags: ['Operations'],
  security: [{ apiKey: [] }],
  middleware: [requireApiKey] as const,
  request: {
    query: PageQuery.extend({
      cursor: z.coerce.number().int().min(1, 'must be taken from next').optional().describe('From `next`'),
      target: z.string().optional().describe('Only what was done to this key, story or tenant'),
    }),
  },
  responses: { 200: json(AuditList, 'A page'), ...problems('unauthorized', 'forbidden', 'validation') },
})

export const auditRoutes = newRoutes().openapi(list, async (c) => {
  const { target, cursor, limit } = c.req.valid('query')
  const rows = await listAudit(c.var.db, target, cursor, limit + 1)
  const query = { ...(target && { target }), limit: `${limit}` }
  const { page, next } = pageOf(c, rows, { limit, query, cursorOf: ({ id }) => String(id) })
  return c.json({ results: page.map(shown), next }, 200)
})

const shown = ({ id, at, actor, action, target, detail, requestId }: AuditRow): AuditEntry => ({
  id,
  at: new Date(at).toISOString(),
  actor,
  action,
  target,
  detail,
  request_id: requestId,
})
