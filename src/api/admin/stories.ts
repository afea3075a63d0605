/** `/admin/stories`: what operators see and do about stories of any key. Everything here is in the audit log. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import type { z } from 'zod'
import {
  AdminQuery,
  type AdminStory,
  AdminStoryList,
  AdminStory as AdminStorySchema,
  type AuditAction,
  Erased,
  Whose,
} from '../../../contract/admin.ts'
import { Stopped } from '../../../contract/key.ts'
import { isTerminal } from '../../../contract/story-view.ts'
import { audit } from '../../db/keys/audit.ts'
import { cancel, cancelAll, type Owner, withContent } from '../../db/queue/cancel.ts'
import { keepNothing, removeContent } from '../../db/stories/removal.ts'
import { findStory, listStories, type StoryWithFrames } from '../../db/stories/stories.ts'
import { deleteStoryObjects } from '../../upkeep/objects.ts'
import { viewOf } from '../../views/story.ts'
import { actorOf } from '../http/actor.ts'
import { announce } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { pageOf, parseCursor } from '../http/paging.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, PageQuery, problems, SpanQuery, spanOf } from '../http/routes.ts'
import { byStory, StoryParams } from '../stories/stories.ts'

const common = { tags: ['Operations'], security: [{ apiKey: [] }] }
const admission = problems('unauthorized', 'forbidden', 'rate-limited')
const bodyProblems = problems('malformed-json', 'too-large', 'unsupported-media-type', 'validation')
const whose = { body: { required: true, content: { 'application/json': { schema: Whose } } } }

const list = createRoute({
  ...common,
  method: 'get',
  path: '/admin/stories',
  summary: 'List stories of any key, newest first',
  middleware: [requireApiKey] as const,
  request: { query: PageQuery.extend(SpanQuery.shape).extend(AdminQuery.shape) },
  responses: { 200: json(AdminStoryList, 'A page'), ...admission, ...problems('validation') },
})

const read = createRoute({
  ...common,
  method: 'get',
  path: '/admin/stories/{id}',
  summary: 'Read a story of any key',
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: { 200: json(AdminStorySchema, 'The story'), ...admission, ...problems('not-found') },
})

const stop = createRoute({
  ...common,
  method: 'post',
  path: '/admin/stories/{id}/cancel',
  summary: 'Cancel a story of any key',
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    200: json(AdminStorySchema, 'The story; unchanged if it had ended before'),
    ...admission,
    ...problems('not-found'),
  },
})

const erase = createRoute({
  ...common,
  method: 'delete',
  path: '/admin/stories/{id}',
  summary: 'Delete a story of any key',
  middleware: [requireApiKey] as const,
  request: { params: StoryParams },
  responses: {
    202: json(
      AdminStorySchema,
      'It will be erased: it has yet to stop, or some of its pictures have yet to be deleted',
    ),
    204: { description: 'It is erased; the same if it had been before' },
    ...admission,
    ...problems('not-found'),
  },
})

const stopAll = createRoute({
  ...common,
  method: 'post',
  path: '/admin/stories/cancel',
  summary: 'Cancel all stories of a key or a tenant',
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: whose,
  responses: { 200: json(Stopped, 'How many'), ...admission, ...bodyProblems },
})

const eraseAll = createRoute({
  ...common,
  method: 'post',
  path: '/admin/stories/delete',
  summary: 'Delete all stories of a key or a tenant',
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: whose,
  responses: { 200: json(Erased, 'How many'), ...admission, ...bodyProblems },
})

export const adminStoryRoutes = newRoutes()
  .openapi(list, async (c) => {
    const { cursor, limit, key, tenant, status, ...times } = c.req.valid('query')
    const wanted = { ...(key && { key }), ...(tenant !== undefined && { tenant }), ...(status && { status }), ...times }
    await note(c, 'stories.listed', key ?? tenant ?? 'all', wanted)
    const listing = {
      ...(key && { apiKeyId: key }),
      ...(tenant !== undefined && { tenant }),
      ...(status && { status }),
      ...spanOf(times),
    }
    const rows = await listStories(c.var.db, listing, parseCursor(cursor), limit + 1)
    const { page, next } = pageOf(c, rows, { limit, query: { ...wanted, limit: `${limit}` }, cursorOf: byStory })
    return c.json({ results: page.map((found) => shown(c, found)), next }, 200)
  })
  .openapi(read, async (c) => {
    const { id } = c.req.valid('param')
    await note(c, 'story.read', id)
    const found = await findStory(c.var.db, id)
    if (!found) throw noStory(id)
    return c.json(shown(c, found), 200)
  })
  .openapi(stop, async (c) => {
    const { id } = c.req.valid('param')
    await note(c, 'story.canceled', id)
    const found = await cancel(c.var.db, id, undefined, c.var.tools.now())
    if (!found) throw noStory(id)
    announce(c, id)
    return c.json(shown(c, found), 200)
  })
  .openapi(erase, async (c) => {
    const { db, tools } = c.var
    const { id } = c.req.valid('param')
    await note(c, 'story.deleted', id)
    const found = await cancel(db, id, undefined, tools.now())
    if (!found) throw noStory(id)
    await keepNothing(db, [id])
    await removeContent(db, [id], tools.now())
    announce(c, id)
    const isErased = isTerminal(found.story.status) && (await deleteStoryObjects(c.env, db, id, tools.now()))
    return isErased ? c.body(null, 204) : c.json(shown(c, (await findStory(db, id)) ?? found), 202)
  })
  .openapi(stopAll, async (c) => {
    const { db, tools } = c.var
    const wanted = c.req.valid('json')
    await note(c, 'stories.canceled', targetOf(wanted))
    const { canceled, stopping, more } = await cancelAll(db, ownerOf(wanted), tools.now())
    announce(c, ...canceled, ...stopping)
    return c.json({ canceled: canceled.length, stopping: stopping.length, more }, 200)
  })
  .openapi(eraseAll, async (c) => {
    const { db, tools } = c.var
    const wanted = c.req.valid('json')
    await note(c, 'stories.deleted', targetOf(wanted))
    const owner = ownerOf(wanted)
    const { canceled, stopping, more } = await cancelAll(db, owner, tools.now())
    const ids = await withContent(db, owner)
    await keepNothing(db, ids)
    const erased = await removeContent(db, ids, tools.now())
    announce(c, ...new Set([...canceled, ...stopping, ...ids]))
    const left = more || (await withContent(db, owner)).length > 0
    return c.json({ canceled: canceled.length, stopping: stopping.length, erased, more: left }, 200)
  })

/** Ahead of what is done, so that nothing is done without a line. */
const note = (c: Context<AppEnv>, action: AuditAction, target: string, detail: Record<string, unknown> = {}) =>
  audit(c.var.db, { ...actorOf(c), action, target, detail }, c.var.tools.now())

const targetOf = ({ key, tenant = '' }: z.infer<typeof Whose>) => key ?? tenant
const ownerOf = ({ key, tenant = '' }: z.infer<typeof Whose>): Owner => (key ? { apiKeyId: key } : { tenant })

const shown = (c: Context<AppEnv>, found: StoryWithFrames): AdminStory => ({
  ...viewOf(found, c.var.settings),
  api_key: found.story.apiKeyId,
})

const noStory = (id: string) => new ProblemError('not-found', `no story ${id}`)
