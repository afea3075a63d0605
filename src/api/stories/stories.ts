/** `/stories`: post a story, read it back, list, cancel. */
import { createRoute } from '@hono/zod-openapi'
import { etag } from 'hono/etag'
import { z } from 'zod'
import { DryRun, PostedStory } from '../../../contract/character.ts'
import { mentionsIn } from '../../../contract/frame-cast.ts'
import { AcceptedStory, Story, StoryId, StoryList, StoryStatus } from '../../../contract/story-view.ts'
import { cancel } from '../../db/queue/cancel.ts'
import { listStories } from '../../db/stories/stories.ts'
import { viewOf } from '../../views/story.ts'
import { announce } from '../http/announce.ts'
import { presumeApiKey, requireApiKeyOrToken } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { IdempotencyHeaders } from '../http/idempotency.ts'
import { cursorOf, pageOf, parseCursor } from '../http/paging.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, openToTokens, PageQuery, problems, SpanQuery, spanOf } from '../http/routes.ts'
import { accept } from './accept.ts'
import { dryRun } from './dry-run.ts'
import { awaitStory } from './follow.ts'
import { storyWarnings } from './warnings.ts'

const tags = ['Stories']
export const StoryParams = z.object({ id: StoryId })
const StoryQuery = z.object({
  wait: z.coerce.number().min(0, '0 to 55').max(55, '0 to 55').default(0).describe('Seconds'),
  since_version: z.coerce.number().int().min(0, 'a version').optional().describe('The `version` that is known'),
})

/** The name of the parameter begins so, and goes on with that of an entry. */
const METADATA = 'metadata.'
const listed = {
  ...PageQuery.shape,
  ...SpanQuery.shape,
  status: StoryStatus.optional().describe('Only those that have this status'),
}
/** A page of all stories, or of some: entries of metadata may have any name. */
const ListQuery = z.looseObject(listed).superRefine((query, ctx) => {
  const unknown = Object.keys(query).filter((name) => !Object.hasOwn(listed, name) && !name.startsWith(METADATA))
  const message = `unknown parameter; ${Object.keys(listed).join(', ')} and ${METADATA}<name> are known`
  for (const name of unknown) ctx.addIssue({ code: 'custom', path: [name], message })
})

export const CreateHeaders = IdempotencyHeaders.extend({
  'cancel-after': z
    .string()
    .optional()
    .describe(
      '`90s`, `5m` or `1h`, up to 24 hours: a story that has not started by then ends as `expired`; one that is running fails with `run_timeout`',
    ),
})

const create = createRoute({
  method: 'post',
  path: '/stories',
  summary: 'Post a story',
  tags,
  security: openToTokens,
  middleware: [presumeApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: {
    headers: CreateHeaders,
    query: z.object({
      dry_run: z.enum(['true', 'false']).default('false').describe('`true`: as `POST /stories/dry-run`'),
    }),
    body: { required: true, content: { 'application/json': { schema: PostedStory } } },
  },
  responses: {
    200: json(DryRun, 'With `dry_run=true`'),
    202: json(AcceptedStory, 'Accepted; the header Location names it'),
    ...problems('malformed-json', 'unauthorized', 'token-limit', 'too-large', 'unsupported-media-type'),
    ...problems('validation', 'idempotency-mismatch', 'queue-full'),
  },
})

const dry = createRoute({
  method: 'post',
  path: '/stories/dry-run',
  summary: 'Validate a story, and queue nothing',
  description:
    'Everything that `POST /stories` would refuse is refused; else the answer says how the story would be read.',
  tags,
  security: openToTokens,
  middleware: [requireApiKeyOrToken, limitBody(MAX_JSON_BYTES)] as const,
  request: {
    headers: CreateHeaders.omit({ 'idempotency-key': true }),
    body: { required: true, content: { 'application/json': { schema: PostedStory } } },
  },
  responses: {
    200: json(DryRun, 'It would be accepted'),
    ...problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation'),
  },
})

const read = createRoute({
  method: 'get',
  path: '/stories/{id}',
  summary: 'Read a story',
  description:
    'With `wait`, the answer is held until the story has ended or, when `since_version` is given, has a newer version. ' +
    'After `wait` seconds the story is answered as it is. With `If-None-Match`, an unchanged story is answered 304.',
  tags,
  security: openToTokens,
  middleware: [requireApiKeyOrToken, etag()] as const,
  request: { params: StoryParams, query: StoryQuery },
  responses: {
    200: json(Story, 'The story'),
    304: { description: 'Unchanged' },
    ...problems('unauthorized', 'not-found', 'validation'),
  },
})

const list = createRoute({
  method: 'get',
  path: '/stories',
  summary: 'List stories, newest first',
  description:
    'With `metadata.<name>=<value>`, only those whose `metadata` has this value under the name; several of these must all hold.',
  tags,
  security: openToTokens,
  middleware: [requireApiKeyOrToken] as const,
  request: { query: ListQuery },
  responses: { 200: json(StoryList, 'A page'), ...problems('unauthorized', 'validation') },
})

const stop = createRoute({
  method: 'post',
  path: '/stories/{id}/cancel',
  summary: 'Cancel a story',
  description: 'A queued story is canceled at once, a running one within a heartbeat. Finished frames are kept.',
  tags,
  security: openToTokens,
  middleware: [requireApiKeyOrToken] as const,
  request: { params: StoryParams },
  responses: {
    200: json(Story, 'The story; unchanged if it had ended or was canceled before'),
    ...problems('unauthorized', 'not-found'),
  },
})

export const storyRoutes = newRoutes()
  .openapi(create, async (c) => {
    if (c.req.valid('query').dry_run === 'true') return c.json(await dryRun(c, c.req.valid('json')), 200)
    const { answer, headers } = await accept<AcceptedStory>(c, c.req.valid('json'), {
      idempotencyKey: c.req.valid('header')['idempotency-key'],
      answerOf: async (story) => {
        const warnings = await storyWarnings(c, story.request, story.model)
        const view = viewOf({ story, frames: [], linkGeneration: c.var.apiKey.linkGeneration }, c.var.settings)
        return {
          status: 202,
          location: view.urls.self,
          body: { ...view, mentions: mentionsIn(story.request), ...(warnings.length > 0 && { warnings }) },
        }
      },
    })
    return c.json(answer.body, 202, { location: answer.location, ...headers })
  })
  .openapi(dry, async (c) => c.json(await dryRun(c, c.req.valid('json')), 200))
  .openapi(read, async (c) => {
    const { db, settings, tools, reader } = c.var
    const { id } = c.req.valid('param')
    const { wait, since_version: after = Number.POSITIVE_INFINITY } = c.req.valid('query')
    const until = { until: tools.now() + wait * 1000, now: tools.now, signal: c.req.raw.signal }
    const found = await awaitStory(c.env, id, { db, reader, after }, until)
    if (!found) throw noSuchStory(id)
    return c.json(viewOf(found, settings), 200, { 'cache-control': 'private, no-cache' })
  })
  .openapi(list, async (c) => {
    const { cursor, limit, status, created_after, created_before, ...others } = c.req.valid('query')
    const times = { ...(created_after && { created_after }), ...(created_before && { created_before }) }
    const { apiKey, clientToken } = c.var
    const listing = {
      apiKeyId: apiKey.id,
      ...(clientToken && { clientToken: clientToken.id }),
      ...(status && { status }),
      metadata: Object.entries(others).map(([name, value]) => [name.slice(METADATA.length), String(value)] as const),
      ...spanOf(times),
    }
    const rows = await listStories(c.var.db, listing, parseCursor(cursor), limit + 1)
    const asked = Object.fromEntries(Object.entries(c.req.query()).filter(([name]) => name !== 'cursor'))
    const { page, next } = pageOf(c, rows, { limit, query: { ...asked, limit: `${limit}` }, cursorOf: byStory })
    return c.json({ results: page.map((found) => viewOf(found, c.var.settings)), next }, 200)
  })
  .openapi(stop, async (c) => {
    const { db, settings, tools, reader } = c.var
    const found = await cancel(db, c.req.valid('param').id, reader, tools.now())
    if (!found) throw noSuchStory(c.req.valid('param').id)
    announce(c, found.story.id)
    return c.json(viewOf(found, settings), 200)
  })

export const noSuchStory = (id: string) => new ProblemError('not-found', `no story ${id} under this API key`)

/** The cursor behind a story of a list. */
export const byStory = ({ story }: { story: { createdAt: number; id: string } }) => cursorOf(story)
