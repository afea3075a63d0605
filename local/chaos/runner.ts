/** A simulated runner: speaks the protocol of `contract/runner.ts` over HTTP, and breaks it as real machines would. */
import { createHash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Webhook } from 'standardwebhooks'
import {
  type Claim,
  Claims,
  EventReceipt,
  LEASE_HEADER,
  type RunnerEvent,
  SEED_HEADER,
  StoredImage,
} from '../../contract/runner.ts'
import type { End, History } from './history.ts'
import { pngOf } from './png.ts'
import type { Random } from './random.ts'

export interface RunnerOptions {
  name: string
  model: string
  url: string
  token: string
  secret: string
  random: Random
  /** Ends the runner after the story it is at. */
  signal: AbortSignal
  /** False once stories are only to be finished. */
  misbehaves: () => boolean
  leaseMs: number
  history: Pick<History, 'frameAcks' | 'endAcks' | 'faults'>
}

/** How a runner treats one story, and how often. */
const FATES = {
  well: 40,
  'never hears of its claim': 4,
  'dies before it starts': 4,
  'dies at a frame': 8,
  'freezes past its lease': 8,
  'says everything twice': 10,
  'mixes up the order': 8,
  'has a wrong clock': 6,
  'fails, and may be tried again': 6,
  'finds the story at fault': 3,
  'hands the story back': 4,
  'claims to be done at once': 3,
} as const
type Fate = keyof typeof FATES

const TIMEOUT_MS = 10_000
/** How far clocks may be off, and are, both ways. */
const CLOCK_OFF_MS = { allowed: 200_000, refused: 600_000 }

export async function simulateRunner(options: RunnerOptions): Promise<void> {
  const { name, model, random, signal, misbehaves } = options
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
    for (const claim of Claims.parse(answer.body).claims)
      await treat(options, claim, misbehaves() ? random.pick(FATES) : 'well').catch((error) => {
        if (!(error instanceof Dropped)) throw error
      })
  }
}

/** The runner has nothing more to do with the story: it lost the lease, was told to stop, or died. */
class Dropped extends Error {}

async function treat(options: RunnerOptions, claim: Claim, fate: Fate): Promise<void> {
  const { random, leaseMs, history } = options
  if (fate === 'never hears of its claim' || fate === 'dies before it starts') return
  const twice = fate === 'says everything twice'
  let sequence = 0
  const at = `/runner/stories/${claim.id}`
  const lease = { [LEASE_HEADER]: claim.lease_token }

  if (fate === 'claims to be done at once') await report('story.completed')
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
    await putFrame(index)
    await report('story.frame.completed', { index, progress: progressAt(index + 1) })
    if (!options.misbehaves() || random.chance(0.3)) await heartbeat()
  }
  if (missing.length === 0) await misfortune()
  await report('story.completed')
  // A copy under another id is a new event, and too late.
  if (twice) await report('story.completed').catch(() => {})

  async function misfortune(): Promise<void> {
    if (fate === 'dies at a frame') throw new Dropped()
    if (fate === 'freezes past its lease') await freeze()
    if (fate === 'hands the story back') await release()
    const retryable = fate === 'fails, and may be tried again'
    if (!retryable && fate !== 'finds the story at fault') return
    await report('story.failed', { error: { code: 'chaos', message: fate }, retryable })
    throw new Dropped()
  }

  /** Until the lease is over; what is said then, in whichever way, comes too late. */
  async function freeze(): Promise<void> {
    await sleep(leaseMs * (1 + random.next()))
    const late = random.pick({ progress: 1, frame: 2, completed: 1, failed: 1, release: 1 })
    if (late === 'frame') await putFrame(turn ?? 0)
    if (late === 'completed') await report('story.completed')
    if (late === 'failed') await report('story.failed', { error: { code: 'chaos', message: fate }, retryable: false })
    if (late === 'release') await release()
  }

  async function release(): Promise<never> {
    const answer = await call(options, 'POST', `${at}/release`, { headers: lease })
    if (answer?.status === 200) ended('release')
    throw new Dropped()
  }

  function ended(what: End): void {
    history.endAcks.push({ story: claim.id, leaseToken: claim.lease_token, what })
  }

  async function heartbeat(): Promise<void> {
    const answer = await call(options, 'POST', `${at}/heartbeat`, { headers: lease })
    const told = answer?.body as { cancel?: boolean } | undefined
    if (answer?.status === 200 && told?.cancel) await stop()
    if (answer?.status === 409) throw new Dropped()
  }

  async function putFrame(index: number): Promise<void> {
    const png = pngOf(random.below(2 ** 24))
    const sent = createHash('sha256').update(png).digest('hex')
    const headers = { ...lease, [SEED_HEADER]: '1', 'content-type': 'image/png' }
    const uploads = Array.from({ length: twice ? 2 : 1 }, () =>
      call(options, 'PUT', `${at}/frames/${index}`, { headers, body: png }),
    )
    for (const answer of await Promise.all(uploads)) {
      if (answer?.status === 200) {
        const { sha256 } = StoredImage.parse(answer.body)
        history.frameAcks.push({
          story: claim.id,
          index,
          sha256,
          leaseToken: claim.lease_token,
          own: sha256 === sent,
        })
      }
      if (answer?.status === 409) throw new Dropped()
    }
  }

  /** Post an event until the edge has answered; twice at once, if that is the fate. */
  async function report(type: RunnerEvent['type'], data: object = {}): Promise<void> {
    const event = { story_id: claim.id, lease_token: claim.lease_token, sequence: ++sequence, ...data }
    const body = JSON.stringify({ type, timestamp: new Date().toISOString(), data: event })
    const id = `evt_${claim.lease_token}_${sequence}_${random.below(2 ** 30)}`
    if (fate === 'has a wrong clock') await send(id, body, CLOCK_OFF_MS.refused)
    const off = fate === 'has a wrong clock' ? CLOCK_OFF_MS.allowed : 0
    for (let tries = 0; tries < 20; tries++) {
      const answers = await Promise.all(Array.from({ length: twice ? 2 : 1 }, () => send(id, body, off)))
      for (const answer of answers) if (answer?.status === 200) await note(type, EventReceipt.parse(answer.body))
      if (answers.some((answer) => answer?.status === 409)) throw new Dropped()
      if (answers.some((answer) => answer !== undefined)) return
      await sleep(200)
    }
    throw new Dropped()
  }

  async function note(type: RunnerEvent['type'], receipt: EventReceipt): Promise<void> {
    const ends = type === 'story.completed' || type === 'story.failed' || type === 'story.canceled'
    if (ends && !receipt.duplicate) ended(type)
    if (type !== 'story.canceled' && receipt.status === 'running' && receipt.cancel) await stop()
  }

  async function stop(): Promise<never> {
    await report('story.canceled')
    throw new Dropped()
  }

  function send(id: string, body: string, off: number) {
    const sent = new Date(Date.now() + (random.chance(0.5) ? off : -off))
    const headers = {
      'content-type': 'application/json',
      'webhook-id': id,
      'webhook-timestamp': String(Math.floor(sent.getTime() / 1000)),
      'webhook-signature': new Webhook(options.secret).sign(id, sent, body),
    }
    return call(options, 'POST', '/runner/webhooks', { headers, body })
  }
}

const progressAt = (step: number) => ({ stage: 'sampling', step, steps: 12, fraction: Math.min(1, step / 12) })

/** The answer; undefined when there was none, because the edge was killed or hung. */
async function call(
  { url, token, history }: RunnerOptions,
  method: string,
  path: string,
  init: RequestInit,
): Promise<{ status: number; body: unknown } | undefined> {
  const headers = { authorization: `Bearer ${token}`, ...init.headers }
  try {
    const signal = AbortSignal.timeout(TIMEOUT_MS)
    const response = await fetch(new URL(path, url), { method, ...init, headers, signal })
    const text = await response.text()
    if (response.status >= 500) history.faults.push(`${method} ${path}: ${response.status} ${text}`)
    return { status: response.status, body: text === '' ? undefined : JSON.parse(text) }
  } catch (error) {
    if (error instanceof SyntaxError) history.faults.push(`${method} ${path}: ${error.message}`)
    return undefined
  }
}
