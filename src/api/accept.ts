/** Taking a story into the queue: the same rules and the same row, whichever route it came by. */
import type { Context } from 'hono'
import type { StoryRequest } from '../../contract/story.ts'
import { enqueue, newStory } from '../db/intake.ts'
import type { StoredPrediction, StoryRow } from '../db/schema.ts'
import { parseCancelAfter } from './cancel-after.ts'
import type { AppEnv } from './env.ts'
import { fingerprintOf, requireSameRequest } from './idempotency.ts'
import { newStoryId } from './keys.ts'
import { invalid } from './problems.ts'
import { requireRoom } from './queue-room.ts'
import { continueTrace } from './trace.ts'
import { refuseUrl } from './url-guard.ts'

/** What a route says about a story that it has just taken in; kept under the Idempotency-Key, if there is one. */
export interface Answer<Body> {
  status: number
  location: string
  body: Body
}

export interface Accepted<Body> {
  storyId: string
  answer: Answer<Body>
  /** For the answer: `idempotent-replayed`, when this was a repeat and nothing has been queued. */
  headers: Record<string, string>
}

export interface Acceptance<Body> {
  /** Of the header, if it was sent. */
  idempotencyKey: string | undefined
  /** What Replicate's wire has to show again. */
  prediction?: StoredPrediction
  answerOf: (story: StoryRow) => Answer<Body> | Promise<Answer<Body>>
}

/**
 * Queue a story of the key that is asking, or find the answer that its Idempotency-Key had before. Throws `validation`
 * for a model that is not served or an unfit webhook, `idempotency-mismatch` for a key that another request has used.
 */
export async function accept<Body>(
  c: Context<AppEnv>,
  request: StoryRequest,
  { idempotencyKey, prediction, answerOf }: Acceptance<Body>,
): Promise<Accepted<Body>> {
  const { settings, tools, db, apiKey } = c.var
  requireRoom(apiKey)
  const model = request.model ?? settings.MODELS[0]
  if (!settings.MODELS.includes(model))
    throw invalid([{ pointer: '/model', message: `unknown model ${model}; served are ${settings.MODELS.join(', ')}` }])
  const cancelAfterMs = parseCancelAfter(c.req.header('cancel-after'))
  const refused = refusedUrls(request, settings.ALLOW_INSECURE_WEBHOOKS === '1')
  if (refused.length > 0) throw invalid(refused)
  const seed = request.seed ?? new DataView(tools.randomBytes(4).buffer).getUint32(0)
  const now = tools.now()
  const id = newStoryId(tools.randomBytes)
  const traceparent = continueTrace(c.req.header('traceparent'), tools.randomBytes)
  const { retentionDays } = apiKey
  const retentionMs = retentionDays === null ? null : Math.round(retentionDays * 24 * 3_600_000)
  const about = {
    id,
    apiKeyId: apiKey.id,
    request,
    model,
    seed,
    origin: originOf(c),
    cancelAfterMs,
    traceparent,
    prediction,
    retentionMs,
  }
  const story = newStory(about, now)
  const answer = await answerOf(story)
  const once = idempotencyKey && {
    key: idempotencyKey,
    fingerprint: await fingerprintOf(c, { request, prediction, cancelAfterMs }),
    answer,
  }
  if (!once) {
    await enqueue(db, story, now)
    return { storyId: id, answer, headers: {} }
  }
  const earlier = await enqueue(db, story, now, once)
  if (!earlier) return { storyId: id, answer, headers: {} }
  requireSameRequest(once, earlier)
  // The fingerprint covers the path, so the answer was given by this very route.
  const replayed = earlier.answer as Answer<Body>
  return { storyId: earlier.storyId, answer: replayed, headers: { 'idempotent-replayed': 'true' } }
}

/** The URLs of a story that we would not go to, and why. */
function refusedUrls({ webhook, characters }: StoryRequest, allowInsecure: boolean) {
  const references = characters.flatMap(({ references = [] }, i) =>
    references.map((url, j) => ({ pointer: `/characters/${i}/references/${j}`, url })),
  )
  const urls = [...(webhook === null ? [] : [{ pointer: '/webhook', url: webhook }]), ...references]
  return urls.flatMap(({ pointer, url }) => {
    const message = url.startsWith('data:') ? undefined : refuseUrl(url, allowInsecure)
    return message === undefined ? [] : [{ pointer, message }]
  })
}

/** Scheme and host that links begin with. */
export function originOf(c: Context<AppEnv>): string {
  return new URL(c.var.settings.PUBLIC_URL ?? c.req.url).origin
}
