/** The runner's loop: claim a story, attempt it, claim the next. */
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Model } from '../../../../contract/model.ts'
import { PROTOCOL } from '../../../../contract/protocol.ts'
import { ANNOUNCE_SECONDS, type Claim, OLD_CLAIM_WAIT_SECONDS } from '../../../../contract/runner.ts'
import { StoryRequest } from '../../../../contract/story.ts'
import { attempt, PictureUnavailable, type StoryGenerator } from './attempt.ts'
import { after } from './deadline.ts'
import type { Edge } from './edge.ts'

export type Log = (event: string, fields?: Record<string, unknown>) => void

export interface ServeOptions {
  /** Aborting it stops the claiming, and gives back the story in hand. */
  signal: AbortSignal
  log: Log
  runner?: string | undefined
  /** Seconds that the edge may hold a claim back until there is a story; an edge of before takes 6 at most. */
  wait?: number
  /** Stop after so many seconds without a story; never by default. */
  idleExit?: number | undefined
  /** A clock that never goes back, in milliseconds. */
  clock?: () => number
}

/**
 * How long a stopping runner waits for its claim in flight, because a story claimed for a caller who hung up would wait out
 * its lease. An edge that hears its goodbye answers at once; one of before, after the `wait` of the claim.
 */
const LAST_CLAIM_MS = 3000
/** How long it takes for its goodbye. */
const GOODBYE_MS = 1000
/** So many stories in a row that fail through no fault of theirs mean that the fault lies here. */
const FAILURES_IN_A_ROW = 3

/**
 * Serve stories until `signal` is aborted. Throws when the model cannot be opened or proves broken, when the edge refuses
 * this runner, and when story after story fails; whoever started the process starts a fresh one then.
 */
export async function serve(
  edge: Edge,
  generator: StoryGenerator & { open(): Promise<Model> },
  {
    signal,
    log,
    runner = `${hostname()}-${process.pid}`,
    wait = 60,
    idleExit,
    clock = () => performance.now(),
  }: ServeOptions,
): Promise<void> {
  const over = new AbortController()
  const announced = AbortSignal.any([signal, over.signal])
  const presence: Presence = { saidAt: Number.NEGATIVE_INFINITY, claimWait: OLD_CLAIM_WAIT_SECONDS }
  let announcing: Promise<void> | undefined
  const onOpen = (opened: Model) => {
    presence.model = opened
    announcing ??= announceAgain(edge, presence, { runner, log, clock, signal: announced })
  }
  let farewell: Promise<void> | undefined
  const leave = () => (farewell ??= edge.goodbye(runner, AbortSignal.timeout(GOODBYE_MS)).catch(() => {}))
  signal.addEventListener('abort', leave)
  try {
    await serveStories(edge, generator, { signal, log, runner, wait, idleExit, clock, presence, onOpen })
  } finally {
    signal.removeEventListener('abort', leave)
    over.abort()
    await announcing
    await leave()
  }
}

/** What the edge knows of this runner. */
interface Presence {
  model?: Model
  /** When it was last said that the runner is there, by the runner's clock. */
  saidAt: number
  /** The longest `wait` of a claim, in seconds. More than that of old edges: a claim says that the runner is there. */
  claimWait: number
}

async function serveStories(
  edge: Edge,
  generator: StoryGenerator & { open(): Promise<Model> },
  {
    signal,
    log,
    runner,
    wait,
    idleExit = Number.POSITIVE_INFINITY,
    clock,
    presence,
    onOpen,
  }: ServeOptions & {
    runner: string
    wait: number
    clock: () => number
    presence: Presence
    onOpen: (model: Model) => void
  },
): Promise<void> {
  let failures = 0
  let idleSince = clock()
  while (!signal.aborted) {
    const idleLeft = idleExit - (clock() - idleSince) / 1000
    if (idleLeft <= 0) return log('runner.idle', { seconds: idleExit })
    // Opened before a story is claimed: a runner without a model must not use up the attempts of stories.
    const opened = await generator.open()
    onOpen(opened)
    const claimWait = Math.min(wait, idleLeft, presence.claimWait)
    const isOldEdge = presence.claimWait <= OLD_CLAIM_WAIT_SECONDS
    if (!isOldEdge) presence.saidAt = clock()
    const lastClaim = after(signal, (isOldEdge ? claimWait * 1000 : 0) + LAST_CLAIM_MS)
    const unread = await edge
      .claim({ runner, model: opened.name, wait: claimWait }, { signal: lastClaim.signal, stop: signal })
      .catch(unlessAborted)
      .finally(lastClaim.clear)
    if (!unread) continue
    idleSince = clock()
    const about = { story: unread.id, attempt: unread.attempt, traceparent: unread.traceparent }
    const lease = edge.lease(unread)
    const story = StoryRequest.safeParse(unread.story)
    if (!story.success) {
      log('story.unreadable', { ...about, error: story.error.issues.map(({ path }) => `/${path.join('/')}`).join() })
      await lease.release('unreadable', lastClaim.signal).catch(unlessAborted)
      continue
    }
    const claim: Claim = { ...unread, story: story.data }
    log('story.claimed', { ...about, finished_frames: claim.finished_frames })
    const started = performance.now()
    const { outcome, error } = await attempt(claim, lease, generator, { signal })
    idleSince = clock()
    const seconds = Math.round(performance.now() - started) / 1000
    const memory_mb = Math.round(process.memoryUsage.rss() / 2 ** 20)
    log(`story.${outcome}`, { ...about, seconds, memory_mb, ...(error ? { error: error.message } : {}) })
    if (outcome === 'broken') throw new Error(`this machine cannot generate stories: ${error?.message}`)
    const atFault = outcome === 'failed' && !(error instanceof PictureUnavailable)
    failures = atFault ? failures + 1 : 0
    if (failures === FAILURES_IN_A_ROW) throw new Error(`${failures} stories in a row failed, last: ${error?.message}`)
  }

  function unlessAborted(error: unknown): undefined {
    if (!signal.aborted) throw error
  }
}

/** Of silence, before the runner says again that it is there. */
const QUIET_MS = 1.25 * ANNOUNCE_SECONDS * 1000

/**
 * Announce to the edge that the runner is there, with what its model can do, until `signal` is aborted: again and again while
 * it generates a story. While it waits for one, its claims say so.
 */
async function announceAgain(
  edge: Edge,
  presence: Presence,
  { runner, log, clock, signal }: { runner: string; log: Log; clock: () => number; signal: AbortSignal },
): Promise<void> {
  let first = true
  try {
    for (;;) {
      const { model, saidAt } = presence
      if (model && clock() - saidAt > QUIET_MS) {
        const known = await edge.announce({ runner, protocol: PROTOCOL, model, first }, signal)
        if (!known) return log('edge.older', { explanation: 'it knows nothing of announcements' })
        if (known.set_aside_until) log('runner.set_aside', { until: known.set_aside_until })
        first = false
        presence.saidAt = clock()
        presence.claimWait = known.claim_wait
      }
      await setTimeout(ANNOUNCE_SECONDS * 1000, undefined, { signal })
    }
  } catch (error) {
    // What is wrong with the edge or the model ends the claiming as well, which says so.
    if (!signal.aborted) log('runner.unannounced', { error: error instanceof Error ? error.message : String(error) })
  }
}
