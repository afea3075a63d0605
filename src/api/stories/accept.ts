/** Taking a story into the queue: the same rules and the same row, whichever route it came by. */
import type { Context } from 'hono'
import { BANK_TYPE } from '../../../contract/bank.ts'
import type { PostedStory } from '../../../contract/character.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import { findAnswer } from '../../db/idempotency.ts'
import { enqueueUnder } from '../../db/queue/admission.ts'
import { enqueue, newStory } from '../../db/queue/intake.ts'
import type { IdempotencyRow, StoredPrediction, StoryRow } from '../../db/schema/stories.ts'
import { newStoryId } from '../../platform/ids.ts'
import { continueTrace } from '../../platform/trace.ts'
import { refuseUrl } from '../../platform/url-guard.ts'
import { refuseDataUri, storeReference } from '../characters/reference-pictures.ts'
import type { AppEnv } from '../http/app-env.ts'
import { admit, requireScope } from '../http/auth.ts'
import { fingerprintOf, REPLAYED, requireSameRequest } from '../http/idempotency.ts'
import { type Fault, invalid } from '../http/problems.ts'
import { scopeFor } from '../http/scopes.ts'
import { parseCancelAfter } from './cancel-after.ts'
import { castOf } from './cast.ts'
import { type FoundBank, findBank } from './named-bank.ts'
import { requireRoom } from './queue-room.ts'

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
 * for what `judge` finds, `idempotency-mismatch` for a key that another request has used.
 */
export async function accept<Body>(
  c: Context<AppEnv>,
  posted: PostedStory,
  { idempotencyKey, prediction, answerOf }: Acceptance<Body>,
): Promise<Accepted<Body>> {
  const { tools, db, apiKey, keyHash } = c.var
  if (idempotencyKey) requireRoom(apiKey)
  const cancelAfterMs = parseCancelAfter(c.req.header('cancel-after'))
  const fingerprint = idempotencyKey ? await fingerprintOf(c, { request: posted, prediction, cancelAfterMs }) : ''
  // More than the story is read and written then.
  if (posted.bank) await admit(c)
  const judged = await judge(c, posted)
  if ('faults' in judged) {
    await admit(c)
    // What was right when the request was first sent may be wrong by now: a character may have been deleted.
    const earlier = idempotencyKey && (await findAnswer(db, apiKey.id, idempotencyKey, tools.now()))
    if (!earlier || earlier.fingerprint !== fingerprint) throw invalid(judged.faults)
    return replayOf(earlier)
  }
  const { request, model, bank } = judged
  if (bank?.known) await storeReference(c, apiKey.id, { ...bank.known, contentType: BANK_TYPE })
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
    fingerprint,
    answer,
  }
  if (!once) {
    const key = { row: apiKey, hash: keyHash, scope: scopeFor(c.req.method, c.req.path) }
    if (await enqueueUnder(db, key, story, now)) return { storyId: id, answer, headers: {} }
    // The key is not what it was when it was read. Unless that is told, the story is taken in on what it is now.
    await admit(c)
    requireScope(c, c.var.apiKey)
    requireRoom(c.var.apiKey)
    return accept(c, posted, { idempotencyKey, answerOf, ...(prediction && { prediction }) })
  }
  const earlier = await enqueue(db, story, now, once)
  if (!earlier) return { storyId: id, answer, headers: {} }
  requireSameRequest(once, earlier)
  return replayOf(earlier)
}

function replayOf<Body>({ resourceId: storyId, answer }: IdempotencyRow): Accepted<Body> {
  // The fingerprint covers the path, so the answer was given by this very route.
  return { storyId, answer: answer as Answer<Body>, headers: REPLAYED }
}

/** The story to be queued, the model for it and the bank it names; or what is wrong, which only the edge can know. */
export async function judge(
  c: Context<AppEnv>,
  posted: PostedStory,
): Promise<{ request: StoryRequest; model: string; bank: FoundBank | null } | { faults: Fault[] }> {
  const { settings, db, apiKey } = c.var
  const bank = posted.bank && (await findBank(c, posted.bank))
  if (bank && 'faults' in bank) return bank
  const made = bank?.known?.model
  const model = posted.model ?? made ?? settings.MODELS[0]
  const unknown = `unknown model ${model}; served are ${settings.MODELS.join(', ')}`
  const foreign = `was made by the model ${made}; the story is for ${model}`
  const faults = [
    ...(settings.MODELS.includes(model) ? [] : [{ pointer: posted.model ? '/model' : '/bank', message: unknown }]),
    ...(made === undefined || made === model ? [] : [{ pointer: '/bank', message: foreign }]),
    ...refusedUrls(posted, settings.ALLOW_INSECURE_WEBHOOKS === '1'),
  ]
  if (faults.length > 0) return { faults }
  const cast = await castOf(db, posted, apiKey.id, bank)
  return 'faults' in cast ? cast : { request: cast.story, model, bank }
}

/** The URLs of a story that we would not go to, or that hold no picture, and why. */
function refusedUrls({ webhook, characters, anchors }: PostedStory, allowInsecure: boolean) {
  const references = characters.flatMap(({ references = [] }, i) =>
    references.map((url, j) => ({ pointer: `/characters/${i}/references/${j}`, url })),
  )
  const pictures = anchors.flatMap(({ picture }, i) =>
    picture === undefined ? [] : [{ pointer: `/anchors/${i}/picture`, url: picture }],
  )
  const urls = [...(webhook === null ? [] : [{ pointer: '/webhook', url: webhook }]), ...references, ...pictures]
  return urls.flatMap(({ pointer, url }) => {
    const message = url.startsWith('data:') ? refuseDataUri(url) : refuseUrl(url, allowInsecure)
    return message === undefined ? [] : [{ pointer, message }]
  })
}

/** Scheme and host that links begin with. */
export function originOf(c: Context<AppEnv>): string {
  return new URL(c.var.settings.PUBLIC_URL ?? c.req.url).origin
}
