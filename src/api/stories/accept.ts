/** Taking a story into the queue: the same rules and the same row, whichever route it came by. */
import type { Context } from 'hono'
import { BANK_TYPE } from '../../../contract/bank.ts'
import type { PostedStory } from '../../../contract/character.ts'
import { findAnswer } from '../../db/idempotency.ts'
import { enqueue, enqueueForKey, newStory } from '../../db/queue/enqueue.ts'
import { enqueueForToken, type TokenLimits } from '../../db/queue/enqueue-for-token.ts'
import type { IdempotencyRow } from '../../db/schema/idempotency.ts'
import type { StoredPrediction, StoryRow } from '../../db/schema/stories.ts'
import { wantRunners } from '../../demand/waker.ts'
import { wakeRunners } from '../../durable/claim-waiting.ts'
import { newStoryId } from '../../platform/ids.ts'
import { continueTrace } from '../../platform/trace.ts'
import { storeReference } from '../characters/reference-pictures.ts'
import type { AppEnv } from '../http/app-env.ts'
import { admit, credentialOf, presentToken, requireScope } from '../http/auth.ts'
import { fingerprintOf, REPLAYED, requireSameRequest } from '../http/idempotency.ts'
import { originOf } from '../http/origin.ts'
import { invalid } from '../http/problems.ts'
import { scopeFor } from '../http/scopes.ts'
import { parseCancelAfter } from './cancel-after.ts'
import { requireRoom } from './queue-room.ts'
import { limitsOf, requireTokenRoom } from './token-limits.ts'
import { type ValidStory, validateStory } from './validate.ts'

/** What a route answers when it has taken a story in; kept under the Idempotency-Key, if there is one. */
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

/** A posted story, with what its headers and its route say of it. */
interface Wanted<Body> {
  posted: PostedStory
  prediction: StoredPrediction | undefined
  cancelAfterMs: number | undefined
  answerOf: Acceptance<Body>['answerOf']
}

/**
 * Queue a story of the key that is asking, or find the answer that its Idempotency-Key had before. Throws `validation`
 * for what `validateStory` finds, `idempotency-mismatch` for a key that another request has used, `queue-full`.
 */
export async function accept<Body>(
  c: Context<AppEnv>,
  posted: PostedStory,
  { idempotencyKey, prediction, answerOf }: Acceptance<Body>,
): Promise<Accepted<Body>> {
  const wanted = { posted, prediction, answerOf, cancelAfterMs: parseCancelAfter(c.req.header('cancel-after')) }
  const { clientToken } = c.var
  if (clientToken) return acceptForToken(c, wanted, idempotencyKey, limitsOf(clientToken))
  return idempotencyKey === undefined ? acceptAnew(c, wanted) : acceptOnce(c, wanted, idempotencyKey)
}

/** The key that is asking may have been read a moment ago (`presumeApiKey`); the insert itself checks it. */
async function acceptAnew<Body>(c: Context<AppEnv>, wanted: Wanted<Body>): Promise<Accepted<Body>> {
  const { db, apiKey, keyHash, tools } = c.var
  // More is read and written then than the story.
  if (wanted.posted.bank) await admit(c)
  const valid = await validateStory(c, wanted.posted)
  if ('faults' in valid) {
    await admit(c)
    throw invalid(valid.faults)
  }
  const story = await prepareStory(c, valid, wanted)
  const answer = await wanted.answerOf(story)
  const key = { row: apiKey, hash: keyHash, scope: scopeFor(c.req.method, c.req.path) }
  if (await enqueueForKey(db, key, story, tools.now())) return queued(c, story, answer)
  // The key has changed since it was read. Throw if it may not queue any more, else queue under what it is now.
  await admit(c)
  requireScope(c, c.var.apiKey)
  requireRoom(c.var.apiKey)
  return acceptAnew(c, wanted)
}

/** The key that is asking has been read for this request: `presumeApiKey` presumes nothing when there is an Idempotency-Key. */
async function acceptOnce<Body>(c: Context<AppEnv>, wanted: Wanted<Body>, key: string): Promise<Accepted<Body>> {
  const { db, apiKey, tools } = c.var
  requireRoom(apiKey)
  const { posted, prediction, cancelAfterMs } = wanted
  const fingerprint = await fingerprintOf(c, { request: posted, prediction, cancelAfterMs })
  const valid = await validateStory(c, posted)
  if ('faults' in valid) {
    // What was right when the request was first sent may be wrong by now: a character may have been deleted.
    const earlier = await findAnswer(db, apiKey.id, key, tools.now())
    if (earlier?.fingerprint !== fingerprint) throw invalid(valid.faults)
    return replayOf(earlier)
  }
  const story = await prepareStory(c, valid, wanted)
  const answer = await wanted.answerOf(story)
  const earlier = await enqueue(db, story, tools.now(), { key, fingerprint, answer })
  if (!earlier) return queued(c, story, answer)
  requireSameRequest({ key, fingerprint }, earlier)
  return replayOf(earlier)
}

/** A runner that waits gets to know of it, after the answer. */
function queued<Body>(c: Context<AppEnv>, { id, model }: StoryRow, answer: Answer<Body>): Accepted<Body> {
  c.executionCtx.waitUntil(wakeRunners(c.env, model, 1, c.var.tools.now()))
  c.executionCtx.waitUntil(wantRunners(c.env, c.var.tools.now()))
  return { storyId: id, answer, headers: {} }
}

/** The story of a client token. Idempotency-Keys count for each token by itself, so that none is answered another's story. */
async function acceptForToken<Body>(
  c: Context<AppEnv>,
  wanted: Wanted<Body>,
  idempotencyKey: string | undefined,
  token: TokenLimits,
): Promise<Accepted<Body>> {
  const { db, apiKey, tools } = c.var
  const { posted, prediction, cancelAfterMs } = wanted
  const key = `${token.id} ${idempotencyKey}`
  const fingerprint = await fingerprintOf(c, { request: posted, prediction, cancelAfterMs })
  const earlier = idempotencyKey === undefined ? undefined : await findAnswer(db, apiKey.id, key, tools.now())
  if (earlier) {
    requireSameRequest({ key: idempotencyKey ?? '', fingerprint }, earlier)
    return replayOf(earlier)
  }
  requireRoom(apiKey)
  const valid = await validateStory(c, posted)
  if ('faults' in valid) throw invalid(valid.faults)
  await requireTokenRoom(db, token, valid.request.frames.length)
  const story = { ...(await prepareStory(c, valid, wanted)), clientToken: token.id }
  const answer = await wanted.answerOf(story)
  const once = idempotencyKey === undefined ? undefined : { key, fingerprint, answer }
  const outcome = await enqueueForToken(db, token, story, tools.now(), once)
  if (outcome === 'queued') return queued(c, story, answer)
  if (outcome === 'refused') {
    await requireTokenRoom(db, token, story.frameCount)
    // Else it is its key that has changed.
    await presentToken(c, credentialOf(c))
    return acceptForToken(c, wanted, idempotencyKey, token)
  }
  requireSameRequest({ key: idempotencyKey ?? '', fingerprint }, outcome)
  return replayOf(outcome)
}

/** The row to be queued. Its bank is stored first, so that no queued story names one that is not there. */
async function prepareStory<Body>(
  c: Context<AppEnv>,
  { request, model, bank }: ValidStory,
  { cancelAfterMs, prediction }: Wanted<Body>,
): Promise<StoryRow> {
  const { apiKey, tools } = c.var
  if (bank?.known) await storeReference(c, apiKey.id, { ...bank.known, contentType: BANK_TYPE })
  const { retentionDays } = apiKey
  const story = {
    id: newStoryId(tools.randomBytes),
    apiKeyId: apiKey.id,
    request,
    model,
    seed: request.seed ?? new DataView(tools.randomBytes(4).buffer).getUint32(0),
    origin: originOf(c),
    cancelAfterMs,
    traceparent: continueTrace(c.req.header('traceparent'), tools.randomBytes),
    prediction: prediction ?? null,
    retentionMs: retentionDays === null ? null : Math.round(retentionDays * 24 * 3_600_000),
  }
  return newStory(story, tools.now())
}

function replayOf<Body>({ resourceId: storyId, answer }: IdempotencyRow): Accepted<Body> {
  // The fingerprint covers the path, so the answer was given by this very route.
  return { storyId, answer: answer as Answer<Body>, headers: REPLAYED }
}
