/**
 * What crosses the wire between a runner and the edge.
 *
 * A runner claims a story and holds it by a lease: a secret token and an end. Every later call shows the token, as the
 * header `x-lease-token` or in the body of an event, and is answered 409 `stale-lease` once the story has gone to
 * someone else, ended or was canceled; the runner then drops the work. Calls under `/runner/` but `/runner/webhooks`
 * carry `Authorization: Bearer <token>`: a RUNNER_TOKEN of the edge, or an API key with the scope `runner`. Events are signed
 * per Standard Webhooks, by the RUNNER_WEBHOOK_SECRET of the edge or the secret of that key.
 *
 * Edge and runners are deployed one after the other, so each reads what the other may have learnt since: fields that it
 * does not know are ignored here. What a story asks for must not be ignored: a runner says which protocol it speaks, gets no
 * story that needs a later one (`protocol.ts`), and releases what it cannot read.
 */
import { z } from 'zod'
import { ModelAbilities } from './model.ts'
import { StoryRequest } from './story.ts'
import { Progress, StoryError, StoryId, StoryStatus } from './story-view.ts'

export const LEASE_HEADER = 'x-lease-token'
/** The seed a frame was sampled from, on `PUT …/frames/{index}`. */
export const SEED_HEADER = 'x-frame-seed'
const Time = z.iso.datetime()
/** Of a claim; an edge that says nothing of it takes `OLD_CLAIM_WAIT_SECONDS`. */
export const MAX_CLAIM_WAIT_SECONDS = 60
export const OLD_CLAIM_WAIT_SECONDS = 6
/** Stories in one answer to a claim. */
export const MAX_CLAIMS = 50
/** Bytes of one PNG. */
export const MAX_IMAGE_BYTES = 8 * 1024 * 1024
/** Bytes of a book. */
export const MAX_BOOK_BYTES = 16 * 1024 * 1024

export const LeaseToken = z.string().min(16).max(128).meta({ example: 'jbswy3dpeblw64tmmqqq2345abcdefgh' })

const RunnerName = z.string().min(1).max(100).describe('Names the runner in logs and in the story')
const ModelName = z.string().min(1).max(100)
const Protocol = z.int().min(1).default(1).describe('The version of this protocol that the runner speaks')

/**
 * `POST /runner/announce`, once the model is open and every `ANNOUNCE_SECONDS` from then on, unless a claim that waits has
 * said meanwhile that the runner is there.
 */
export const Announcement = z
  .object({
    runner: RunnerName,
    protocol: Protocol,
    model: z.object({ name: ModelName, abilities: ModelAbilities }),
    first: z.boolean().default(false).describe('It has just started'),
  })
  .meta({ id: 'RunnerAnnouncement' })
export type Announcement = z.infer<typeof Announcement>
export const ANNOUNCE_SECONDS = 60

export const Announced = z
  .object({
    protocol: z.int().describe('The version that the edge speaks'),
    set_aside_until: Time.nullable().describe(
      'Until then the runner gets no stories, because several went wrong there',
    ),
    claim_wait: z
      .number()
      .default(OLD_CLAIM_WAIT_SECONDS)
      .describe(
        'The longest `wait` of a claim, in seconds. Such a claim announces the runner, and its goodbye ends it',
      ),
  })
  .meta({ id: 'RunnerAnnounced' })

/** `POST /runner/goodbye`: the runner stops. */
export const Goodbye = z.object({ runner: RunnerName }).meta({ id: 'RunnerGoodbye' })

/** `POST /runner/claim`: answered 200 with `Claims`, or 204 when `wait` seconds passed without one. */
export const ClaimRequest = z
  .object({
    runner: RunnerName,
    protocol: Protocol,
    model: ModelName.describe('The model it serves; it gets stories for this model only'),
    wait: z.number().min(0).max(MAX_CLAIM_WAIT_SECONDS).default(0),
    max: z.int().min(1).max(MAX_CLAIMS).default(1).describe('The most stories to claim; fewer when fewer are ready'),
  })
  .meta({ id: 'ClaimRequest' })
export type ClaimRequest = z.infer<typeof ClaimRequest>

export const Claim = z
  .object({
    id: StoryId,
    story: StoryRequest,
    /** Chosen at acceptance when the request had none, so that every attempt generates the same pictures. */
    seed: z.int(),
    model: z.string(),
    /** The number of this attempt once it has started; a claim whose answer gets lost costs the story nothing. */
    attempt: z.int().min(1),
    lease_token: LeaseToken,
    lease_until: Time,
    /**
     * The lease as a duration, for runners whose clock is off: a heartbeat is due well before it has passed. The first
     * lease may be shorter than those that heartbeats give.
     */
    lease_seconds: z.number().positive(),
    /** Frames that an earlier attempt finished; they need not be generated again: `GET /runner/stories/{id}/frames/{index}`. */
    finished_frames: z.array(z.int().min(0)),
    /** W3C trace context of the story, to be sent along with every call about it. */
    traceparent: z.string().optional(),
  })
  .meta({ id: 'Claim' })
export type Claim = z.infer<typeof Claim>

/** A claim whose story has not been parsed yet: one that the runner cannot read is released under this lease. */
const UnreadClaim = Claim.extend({ story: z.unknown() })
export type UnreadClaim = z.infer<typeof UnreadClaim>
export const UnreadClaims = z.object({ claims: z.array(UnreadClaim).min(1) })

/** One lease for each story: each is extended, reported and released by itself. */
export const Claims = z.object({ claims: z.array(Claim).min(1) }).meta({ id: 'Claims' })

/** `POST /runner/stories/{id}/heartbeat`. On `cancel`, also when a deadline has passed, stop and post `story.canceled`. */
export const Heartbeat = z
  .object({ lease_until: Time, lease_seconds: z.number().positive(), cancel: z.boolean() })
  .meta({ id: 'Heartbeat' })
export type Heartbeat = z.infer<typeof Heartbeat>

/** `PUT /runner/stories/{id}/frames/{index}` and `…/storyboard`: a frame that is already there stays as it is. */
export const StoredImage = z.object({ sha256: z.string(), width: z.int(), height: z.int() }).meta({ id: 'StoredImage' })
export type StoredImage = z.infer<typeof StoredImage>

/** `PUT /runner/stories/{id}/storyboard.webp` and `…/book.pdf`, which a runner may leave out. */
export const StoredFile = z.object({ sha256: z.string() }).meta({ id: 'StoredFile' })

/**
 * The body of `POST /runner/stories/{id}/release`, which may be left out. `stopping`: the runner ends. The others are the
 * runner's fault, and keep the story from it for a while: `broken`, it cannot generate anything; `unreadable`, it does not
 * understand this story.
 */
export const Release = z
  .object({ reason: z.string().max(100).default('stopping').describe('`stopping`, `broken` or `unreadable`') })
  .meta({ id: 'Release' })
export type ReleaseReason = 'stopping' | 'broken' | 'unreadable'
/** What cannot be read, or is not known, says no more than that the runner stops: its story must not be lost for that. */
export function releaseReasonOf(body: unknown): ReleaseReason {
  const reason = Release.safeParse(body).data?.reason
  return reason === 'broken' || reason === 'unreadable' ? reason : 'stopping'
}

/** The answer: the story is queued again at once, and the attempt is not held against it. */
export const Released = z.object({ status: StoryStatus }).meta({ id: 'Released' })
export type Released = z.infer<typeof Released>

const event = <Type extends string, Data extends z.ZodRawShape>(type: Type, data: Data) =>
  z.object({
    type: z.literal(type),
    timestamp: Time,
    data: z.object({
      story_id: StoryId,
      lease_token: LeaseToken,
      /** Counts the events of one lease from 1; an event that arrives after a later one changes nothing. */
      sequence: z.int().min(1),
      ...data,
    }),
  })

/** The body of `POST /runner/webhooks`. A repeated `webhook-id` is answered 200 and changes nothing. */
export const RunnerEvent = z
  .discriminatedUnion('type', [
    event('story.started', {}),
    event('story.progress', { progress: Progress }),
    event('story.frame.completed', { index: z.int().min(0), progress: Progress }),
    /** 409 `frames-missing` unless every frame is stored. */
    event('story.completed', {}),
    /**
     * `retryable`: the fault lay with the machine, not the story; it is queued again while attempts are left. With the code
     * `not_finite` it is not known whose fault it was: another runner tries once, and the second time it is the story's.
     */
    event('story.failed', { error: StoryError, retryable: z.boolean() }),
    /** Confirms that the runner has stopped as asked; the story ends as canceled, or as failed by its deadline. */
    event('story.canceled', {}),
  ])
  .meta({ id: 'RunnerEvent' })
export type RunnerEvent = z.infer<typeof RunnerEvent>

/** Where the event left the story: a completion that crosses a cancellation ends as `canceled`. */
export const EventReceipt = z
  .object({ status: StoryStatus, cancel: z.boolean(), duplicate: z.boolean() })
  .meta({ id: 'EventReceipt' })
export type EventReceipt = z.infer<typeof EventReceipt>

/** `POST /runner/complete`: `story.completed` for many leases at once. */
export const Completions = z
  .object({
    stories: z
      .array(z.object({ story_id: StoryId, lease_token: LeaseToken }))
      .min(1)
      .max(MAX_CLAIMS),
  })
  .meta({ id: 'Completions' })

export const CompletionOutcome = z.enum(['completed', 'duplicate', 'frames-missing', 'stale-lease', 'not-found'])
export type CompletionOutcome = z.infer<typeof CompletionOutcome>

/** One for each story of the request, in the same order. A completion that crosses a cancellation leaves `canceled`. */
export const CompletionReceipts = z
  .object({
    receipts: z.array(
      z.object({
        story_id: StoryId,
        outcome: CompletionOutcome.describe('`duplicate`: it took effect before, and changes nothing'),
        status: StoryStatus.nullable().describe('Where the story is now; null when there is none'),
      }),
    ),
  })
  .meta({ id: 'CompletionReceipts' })
