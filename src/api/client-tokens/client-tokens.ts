/** `POST /client-tokens`: what a server makes of its API key for a page or an app that must not hold it. */
import { createRoute } from '@hono/zod-openapi'
import { ClientToken, NewClientToken } from '../../../contract/client-token.ts'
import { LIMITS } from '../../../contract/story.ts'
import { versionOf } from '../../db/stories/stories.ts'
import { writeClientToken } from '../../platform/client-token.ts'
import { base32 } from '../../platform/ids.ts'
import { requireApiKey } from '../http/auth.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { type Fault, invalid } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'

const create = createRoute({
  method: 'post',
  path: '/client-tokens',
  summary: 'Make a client token',
  description:
    'For a page or an app that must not hold the API key. It creates at most `max_stories` stories and follows them, or ' +
    'it follows one `story`; no more. It ends by itself, with its API key, and when the links of that key are revoked. Each ' +
    'request makes another token.',
  tags: ['Keys'],
  security: [{ apiKey: [] }],
  middleware: [requireApiKey, limitBody(MAX_JSON_BYTES)] as const,
  request: { body: { required: true, content: { 'application/json': { schema: NewClientToken } } } },
  responses: {
    201: json(ClientToken, 'The token'),
    ...problems('malformed-json', 'unauthorized', 'forbidden', 'rate-limited'),
    ...problems('too-large', 'unsupported-media-type', 'validation'),
  },
})

export const clientTokenRoutes = newRoutes().openapi(create, async (c) => {
  const { db, settings, tools, apiKey } = c.var
  const { expires_in, origins: wanted, max_stories, max_frames, story } = c.req.valid('json')
  const origins = wanted ?? apiKey.origins
  const faults = originFaults(origins, wanted, apiKey.origins)
  if (story !== undefined && (await versionOf(db, story, apiKey.id)) === undefined)
    faults.push({ pointer: '/story', message: `no story ${story} under this API key` })
  if (faults.length > 0) throw invalid(faults)
  const creates = { stories: max_stories ?? 0, frames: max_frames ?? (max_stories ?? 0) * LIMITS.frames }
  const grant = story === undefined ? creates : { story }
  const expires = Math.floor(tools.now() / 1000) + expires_in
  const claims = { id: base32(tools.randomBytes(10)), apiKeyId: apiKey.id, generation: apiKey.linkGeneration }
  const answer = {
    token: writeClientToken({ ...claims, expires, origins, grant }, settings),
    expires_at: new Date(expires * 1000).toISOString(),
    origins,
    max_stories: story === undefined ? creates.stories : null,
    max_frames: story === undefined ? creates.frames : null,
    story: story ?? null,
  }
  return c.json(answer, 201, { 'cache-control': 'no-store' })
})

/** A key that admits certain sites makes tokens for these alone; one that admits none, for any that are named. */
function originFaults(origins: string[], wanted: string[] | undefined, ofKey: readonly string[]): Fault[] {
  if (wanted === undefined && ofKey.length === 0)
    return [{ pointer: '/origins', message: 'required, since the API key has none; [] for an app that is no web page' }]
  if (ofKey.length === 0) return []
  return origins.flatMap((origin, i) =>
    ofKey.includes(origin)
      ? []
      : [{ pointer: `/origins/${i}`, message: `not among those of the API key: ${ofKey.join(', ')}` }],
  )
}
