/** A machine that slept past its lease, wakes when another one is at the story, and goes on as if nothing had happened. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Claim, EventReceipt, LEASE_HEADER, SEED_HEADER } from '../../contract/runner.ts'
import type { ClaimLog } from './claims.ts'
import type { History } from './history.ts'
import { pngOf } from './png.ts'
import type { Random } from './random.ts'
import { type Answer, call, send, type WireOptions } from './runner-wire.ts'

export interface StaleOptions extends WireOptions {
  random: Random
  claimLog: ClaimLog
  /** Wakes it, if the story never gets another holder: then it has ended, and its lease with it. */
  signal: AbortSignal
  history: Pick<History, 'faults' | 'seen'>
}

/** What the machine says when it wakes; some of it again and again, while the other one draws. */
const LATE = {
  frame: 4,
  completed: 4,
  failed: 3,
  retryable: 2,
  release: 3,
  heartbeat: 3,
  progress: 2,
  started: 1,
  canceled: 1,
}

/** Sleep until the story has a new holder, then say what comes too late in every way. All of it has to be refused. */
export async function comeBackLate(options: StaleOptions, claim: Claim, index: number): Promise<void> {
  const { random, claimLog, signal } = options
  const isTaken = await claimLog.again(claim.id, claim.lease_token, signal)
  for (let times = 2 + random.below(4); times > 0; times--) {
    const what = random.pick(LATE)
    const answer = await say(options, claim, what, index)
    if (isTaken && tookEffect(answer))
      options.history.seen.push({
        rule: 'a stale write is refused',
        evidence: `${what} of ${claim.id} was answered 200 under ${claim.lease_token}, after it was claimed again`,
      })
    await sleep(60 * random.next())
  }
}

/** Say it for one story under the lease of another, which the runner holds as well. */
export async function mixUp(options: StaleOptions, claim: Claim, other: Claim): Promise<void> {
  const what = options.random.pick(LATE)
  const answer = await say(options, { ...claim, lease_token: other.lease_token }, what, 0)
  if (tookEffect(answer))
    options.history.seen.push({
      rule: 'a lease is good for its own story',
      evidence: `${what} of ${claim.id} was answered 200 under the lease of ${other.id}`,
    })
}

function tookEffect(answer: Answer | undefined): boolean {
  if (answer?.status !== 200) return false
  const receipt = EventReceipt.safeParse(answer.body)
  return !(receipt.success && receipt.data.duplicate)
}

function say(options: StaleOptions, claim: Claim, what: keyof typeof LATE, index: number): Promise<Answer | undefined> {
  const { random } = options
  const at = `/runner/stories/${claim.id}`
  const lease = { [LEASE_HEADER]: claim.lease_token }
  const error = { code: 'chaos', message: 'too late' }
  switch (what) {
    case 'frame': {
      const headers = { ...lease, [SEED_HEADER]: '1', 'content-type': 'image/png' }
      return call(options, 'PUT', `${at}/frames/${index}`, { headers, body: pngOf(random.below(2 ** 24)) })
    }
    case 'heartbeat':
    case 'release':
      return call(options, 'POST', `${at}/${what}`, { headers: lease })
    case 'progress':
      return event('story.progress', { progress: { stage: 'sampling', step: 1, steps: 12, fraction: 0.1 } })
    case 'failed':
    case 'retryable':
      return event('story.failed', { error, retryable: what === 'retryable' })
    default:
      return event(`story.${what}`, {})
  }

  function event(type: string, data: object) {
    const about = { story_id: claim.id, lease_token: claim.lease_token, sequence: 100 + random.below(100), ...data }
    const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data: about })
    return send(options, `evt_late_${claim.lease_token}_${random.below(2 ** 30)}`, body)
  }
}
