/** A simulated runner: speaks the protocol of `contract/runner.ts` over HTTP, and breaks it as real machines would. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  type Claim,
  Claims,
  EventReceipt,
  Heartbeat,
  LEASE_HEADER,
  type RunnerEvent,
  SEED_HEADER,
  StoredImage,
} from '../../contract/runner.ts'
import type { ClaimLog } from './claims.ts'
import type { End, History } from './history.ts'
import { pngOf } from './png.ts'
import type { Random } from './random.ts'
import { type Answer, call, send, type WireOptions } from './runner-wire.ts'
import { comeBackLate, mixUp } from './stale.ts'

export interface RunnerOptions extends WireOptions {
  name: string
  model: string
  random: Random
  /** Ends the runner after the story it is at. */
  signal: AbortSignal
  /** False once stories are only to be finished. */
  misbehaves: () => boolean
  leaseMs: number
  claimLog: ClaimLog
  history: History
}

/** How a runner treats one story, and how often. */
const FATES = {
  well: 30,
  'takes longer than its lease': 5,
  'never hears of its claim': 4,
  'dies before it starts': 4,
  'dies at a frame': 8,
  'freezes past its lease': 14,
  'says everything twice': 10,
  'repeats old messages': 6,
  'mixes up the order': 6,
  'mixes up its stories': 8,
  'has a wrong clock': 5,
  'fails, and may be tried again': 6,
  'finds the story at fault': 3,
  'hands the story back': 4,
  'claims to be done at once': 3,
} as const
type Fate = keyof typeof FATES

/** How far clocks may be off, and are, both ways. */
const CLOCK_OFF_MS = { allowed: 200_000, refused: 600_000 }
/** How long a frame takes at most. Long enough for another machine to come in between. */
const DRAW_MS = 120

export async function simulateRunner(options: RunnerOptions): Promise<void> {
  const { name, model, random, signal, misbehaves, history, claimLog } = options
  const asleep = new Set<Promise<void>>()
  while (!signal.aborted) {
    // Stories that wait behind another of the same claim lose their leases, so that is for the time of misbehaviour.
    const max = misbehaves() ? 1 + random.below(3) : 1
    const body = JSON.stringify({ runner: name, model, wait: 0.5, max })
    const headers = { 'content-type': 'application/json' }
    const answer = await call(options, 'POST', '/runner/claim', { headers, body })
    if (answer?.status !== 200) {
      await sleep(answer ? 20 : 200)
      continue
    }
    const { claims } = Claims.parse(answer.body)
    for (const claim of claims) {
      claimLog.note(claim.id, claim.lease_token)
      promise(history, claim, claim.lease_until)
    }
    for (const [n, claim] of claims.entries()) {
      const other = claims[n + 1]
      const fate = misbehaves() ? random.pick(FATES) : 'well'
      try {
        if (fate === 'mixes up its stories' && other) await mixUp(options, claim, other)
        await treat(options, claim, fate)
      } catch (error) {
        if (error instanceof Frozen) {
          const late = comeBackLate(options, claim, error.index).finally(() => asleep.delete(late))
          asleep.add(late)
        } else if (!(error instanceof Dropped)) throw error
      }
    }
  }
  await Promise.all(asleep)
}

/** The runner has nothing more to do with the story: it lost the lease, was told to stop, or died. */
class Dropped extends Error {}

/** The runner sleeps in the middle of frame `index`; meanwhile its place is taken by another. */
class Frozen extends Error {
  readonly index: number
  constructor(index: number) {
    super()
    this.index = index
  }
}

function promise({ promised }: History, { id, lease_token: token }: Claim, leaseUntil: string): void {
  const until = Math.max(Date.parse(leaseUntil), promised.get(token)?.until ?? 0)
  promised.set(token, { story: id, until })
}

async function treat(options: RunnerOptions, claim: Claim, fate: Fate): Promise<void> {
  const { random, leaseMs, history } = options
  if (fate === 'never hears of its claim' || fate === 'dies before it starts') return
  const copies = fate === 'says everything twice' ? 2 : 1
  const said: { id: string; body: string; took: boolean }[] = []
  let sequence = 0
  const at = `/runner/stories/${claim.id}`
  const token = claim.lease_token
  const lease = { [LEASE_HEADER]: token }

  if (fate === 'claims to be done at once') await report('story.completed', {}, 'story.completed')
  await report('story.started')
  const finished = new Set(claim.finished_frames)
  const missing = claim.story.frames.map((_, index) => index).filter((index) => !finished.has(index))
  const turn = missing[random.below(Math.max(1, missing.length))]
  for (const index of missing) {
    if (index === turn) await misfortune()
    if (fate === 'mixes up the order') sequence += 2
    await report('story.progress', { progress: progressAt(index) })
    if (fate === 'mixes up the order') {
      sequence -= 2
      await report('story.progress', { progress: progressAt(index) })
      sequence += 2
    }
    await draw()
    await putFrame(index)
    await report('story.frame.completed', { index, progress: progressAt(index + 1) })
    if (!options.misbehaves() || random.chance(0.3)) await heartbeat()
    if (fate === 'repeats old messages') await repeat()
  }
  if (missing.length === 0) await misfortune()
  await report('story.completed', {}, 'story.completed')
  // A copy under another id is a new event, and too late.
  if (copies > 1) await report('story.completed', {}, 'story.completed').catch(() => {})
  if (fate === 'repeats old messages') await repeat()

  async function misfortune(): Promise<void> {
    if (fate === 'dies at a frame') throw new Dropped()
    if (fate === 'freezes past its lease') throw new Frozen(turn ?? 0)
    if (fate === 'hands the story back') await release()
    const retryable = fate === 'fails, and may be tried again'
    if (!retryable && fate !== 'finds the story at fault') return
    const error = { code: 'chaos', message: fate }
    await report('story.failed', { error, retryable }, retryable ? 'story.failed' : 'story at fault')
    throw new Dropped()
  }

  /** Takes some time, or so much that only heartbeats keep the lease. */
  async function draw(): Promise<void> {
    await sleep(DRAW_MS * random.next())
    if (fate !== 'takes longer than its lease') return
    for (let n = 0; n < 4; n++) {
      await heartbeat()
      await sleep(leaseMs / 3)
    }
  }

  async function release(): Promise<never> {
    history.ending.add(token)
    history.handedBack.add(token)
    const answer = await call(options, 'POST', `${at}/release`, { headers: lease })
    if (answer?.status === 200) history.endAcks.push({ story: claim.id, leaseToken: token, what: 'release' })
    throw new Dropped()
  }

  async function heartbeat(): Promise<void> {
    const answer = await call(options, 'POST', `${at}/heartbeat`, { headers: lease })
    if (answer?.status === 409) throw new Dropped()
    if (answer?.status !== 200) return
    const { cancel, lease_until: until } = Heartbeat.parse(answer.body)
    promise(history, claim, until)
    if (cancel) await stop()
  }

  async function putFrame(index: number): Promise<void> {
    const png = pngOf(random.below(2 ** 24))
    const sent = createHash('sha256').update(png).digest('hex')
    const headers = { ...lease, [SEED_HEADER]: '1', 'content-type': 'image/png' }
    const upload = () => call(options, 'PUT', `${at}/frames/${index}`, { headers, body: png })
    const answers = await Promise.all(Array.from({ length: copies }, upload))
    for (const answer of answers) {
      if (answer === undefined) history.cutOff.add(claim.id)
      if (answer?.status !== 200) continue
      const { sha256 } = StoredImage.parse(answer.body)
      history.frameAcks.push({ story: claim.id, index, sha256, leaseToken: token, own: sha256 === sent })
    }
    if (answers.some((answer) => answer?.status === 409)) throw new Dropped()
  }

  /** Post an event until the edge has answered; twice at once, if that is the fate. */
  async function report(type: RunnerEvent['type'], data: object = {}, end?: End): Promise<void> {
    const event = { story_id: claim.id, lease_token: token, sequence: ++sequence, ...data }
    const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data: event })
    const message = { id: `evt_${token}_${sequence}_${random.below(2 ** 30)}`, body, took: false }
    said.push(message)
    if (end) history.ending.add(token)
    const clock = fate === 'has a wrong clock'
    const off = (ms: number) => (clock ? (random.chance(0.5) ? ms : -ms) : 0)
    if (clock) await send(options, message.id, body, off(CLOCK_OFF_MS.refused))
    for (let tries = 0; tries < 20; tries++) {
      const copy = () => send(options, message.id, body, off(CLOCK_OFF_MS.allowed))
      const answers = await Promise.all(Array.from({ length: copies }, copy))
      for (const answer of answers) if (answer?.status === 200) await note(message, answer, type, end)
      if (answers.some((answer) => answer?.status === 409)) throw new Dropped()
      if (answers.some((answer) => answer !== undefined)) return
      await sleep(200)
    }
    throw new Dropped()
  }

  async function note(message: (typeof said)[number], answer: Answer, type: RunnerEvent['type'], end?: End) {
    const receipt = EventReceipt.parse(answer.body)
    if (!receipt.duplicate && message.took)
      history.seen.push({ rule: 'a message takes effect once', evidence: `${type} ${message.id} of ${claim.id}` })
    if (!receipt.duplicate) message.took = true
    if (type === 'story.started') history.started.add(token)
    if (end && !receipt.duplicate) history.endAcks.push({ story: claim.id, leaseToken: token, what: end })
    if (type !== 'story.canceled' && receipt.status === 'running' && receipt.cancel) await stop()
  }

  /** What was said before is said again, and changes nothing. */
  async function repeat(): Promise<void> {
    const message = said[random.below(said.length)]
    const answer = message && (await send(options, message.id, message.body))
    if (!message?.took || answer?.status !== 200 || EventReceipt.parse(answer.body).duplicate) return
    history.seen.push({ rule: 'a message takes effect once', evidence: `${message.id} of ${claim.id}, repeated` })
  }

  async function stop(): Promise<never> {
    await report('story.canceled', {}, 'story.canceled')
    throw new Dropped()
  }
}

const progressAt = (step: number) => ({ stage: 'sampling', step, steps: 12, fraction: Math.min(1, step / 12) })
