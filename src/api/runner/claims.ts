/** `POST /runner/claim`: a runner asks for stories, and waits for them if it likes. */
import { createRoute } from '@hono/zod-openapi'
import type { Context } from 'hono'
import { storyFor } from '../../../contract/protocol.ts'
import { type Claim, ClaimRequest, Claims } from '../../../contract/runner.ts'
import { type ClaimedStory, claim } from '../../db/queue/claim.ts'
import { peek } from '../../db/queue/peek.ts'
import { noteActivity } from '../../durable/agenda.ts'
import type { Looked } from '../../durable/claim-room.ts'
import { noteTaken, waitForWord, wakeRunners } from '../../durable/claim-waiting.ts'
import { count } from '../../durable/meter.ts'
import { base32 } from '../../platform/ids.ts'
import { announce, announceReady } from '../http/announce.ts'
import type { AppEnv } from '../http/app-env.ts'
import { limitBody, MAX_JSON_BYTES } from '../http/body.ts'
import { ProblemError } from '../http/problems.ts'
import { json, newRoutes, problems } from '../http/routes.ts'
import { requireRunner } from '../http/tokens.ts'
import { leaseEnd } from './lease.ts'

/** Before one of the runners that wait looks again, when stories are ready that it may not have. */
const BLOCKED_MS = 1_000
/** The lease that comes with a claim: short, because a runner may have gone while its claim waited. */
const FIRST_LEASE_MS = 10_000

const claimRoute = createRoute({
  method: 'post',
  path: '/runner/claim',
  summary: 'Claim stories',
  description:
    'API keys take turns by their weight. None has more than `max_running` stories claimed at a time. The stories of one key go by priority and age.',
  tags: ['Runner'],
  security: [{ runnerToken: [] }],
  middleware: [requireRunner, limitBody(MAX_JSON_BYTES)] as const,
  request: { body: { required: true, content: { 'application/json': { schema: ClaimRequest } } } },
  responses: {
    200: json(Claims, 'Each claimed until its `lease_until`'),
    204: { description: 'Nothing came within `wait` seconds' },
    ...problems('malformed-json', 'unauthorized', 'too-large', 'unsupported-media-type', 'validation', 'set-aside'),
  },
})

export const runnerClaimRoutes = newRoutes().openapi(claimRoute, async (c) => {
  const wanted = c.req.valid('json')
  const { now } = c.var.tools
  const claims = wanted.wait === 0 ? await claimOnce(c, wanted, now()) : await claimInTime(c, wanted)
  return claims.length > 0 ? c.json({ claims }, 200) : c.body(null, 204)
})

/** Stories within `wait` seconds. The room of the model says when there is a reason to look into D1. */
async function claimInTime(c: Context<AppEnv>, wanted: ClaimRequest): Promise<Claim[]> {
  const { now } = c.var.tools
  const { runner, model, wait } = wanted
  const { signal } = c.req.raw
  const until = now() + wait * 1000
  let looked: Looked | undefined
  for (;;) {
    const { say, ticket } = await waitForWord(c.env, { runner, model }, { ms: until - now(), looked, signal })
    if (signal.aborted) {
      // A story that was meant for this runner is another's.
      if (say === 'claim') c.executionCtx.waitUntil(wakeRunners(c.env, model, 0, now()))
      return []
    }
    if (say === 'none') return []
    const { claims, next } = await look(c, wanted, say)
    if (claims.length > 0) {
      c.executionCtx.waitUntil(noteTaken(c.env, model, runner, claims.length))
      return claims
    }
    looked = { ticket, next }
  }
}

/** What can be claimed now; without that, when there may be more to claim. */
async function look(c: Context<AppEnv>, wanted: ClaimRequest, say: 'claim' | 'check') {
  const { db, tools } = c.var
  if (say === 'check') {
    const { ready, next } = await peek(db, wanted, tools.now())
    if (!ready && (next === null || next > tools.now())) return { claims: [], next }
  }
  const claims = await claimOnce(c, wanted, tools.now())
  if (claims.length > 0) return { claims, next: null }
  const { ready, next } = await peek(db, wanted, tools.now())
  // Stories wait that are not for this runner, or of a key at its cap: of what frees them, no word may come.
  const again = ready ? tools.now() + BLOCKED_MS : Number.POSITIVE_INFINITY
  const soonest = Math.min(next ?? Number.POSITIVE_INFINITY, again)
  return { claims, next: Number.isFinite(soonest) ? soonest : null }
}

/** What is ready now, claimed for the runner; none when nothing is. */
async function claimOnce(c: Context<AppEnv>, request: ClaimRequest, now: number): Promise<Claim[]> {
  const { runner, model, protocol, max } = request
  const { db, settings, tools } = c.var
  const leaseMs = Math.min(settings.LEASE_SECONDS * 1000, FIRST_LEASE_MS)
  const leaseTokens = Array.from({ length: max }, () => base32(tools.randomBytes(20)))
  const { claimed, swept, setAsideUntil } = await claim(db, { model, runner, protocol, leaseTokens, leaseMs }, now)
  announce(c, ...claimed.map((story) => story.id))
  announceReady(c, ...swept)
  if (setAsideUntil !== null) throw setAside(runner, setAsideUntil, now)
  if (claimed.length > 0) {
    c.executionCtx.waitUntil(noteActivity(c.env, now))
    count('claims', { model }, claimed.length)
    count('retries', { model }, claimed.filter((story) => story.attempt > 0).length)
  }
  return claimed.map((story) => claimOf(story, protocol, now))
}

function setAside(runner: string, until: number, now: number): ProblemError {
  const time = new Date(until).toISOString()
  const detail = `${runner} is set aside until ${time}: stories of several API keys in a row went wrong on it`
  return new ProblemError('set-aside', detail, undefined, { 'retry-after': `${Math.ceil((until - now) / 1000)}` })
}

function claimOf(story: ClaimedStory, protocol: number, now: number): Claim {
  if (!story.leaseToken || !story.claimableAt) throw new Error(`story ${story.id} was claimed without a lease`)
  return {
    id: story.id,
    story: storyFor(protocol, story.request),
    seed: story.seed,
    model: story.model,
    // It counts as one only when the runner reports that it has begun.
    attempt: story.attempt + 1,
    lease_token: story.leaseToken,
    ...leaseEnd(story.claimableAt, now),
    finished_frames: story.finished,
    ...(story.traceparent !== null && { traceparent: story.traceparent }),
  }
}
