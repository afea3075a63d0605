/** The runner's loop: claim a story, attempt it, claim the next. */
import { hostname } from 'node:os'
import { setTimeout } from 'node:timers/promises'
import type { Model } from '../../../../contract/model.ts'
import { PROTOCOL } from '../../../../contract/protocol.ts'
import { ANNOUNCE_SECONDS, type Claim } from '../../../../contract/runner.ts'
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
  /**
   * Seconds that the edge may hold a claim back until there is a story. Also how long stopping may take, because a
   * claim in flight is waited for: a story claimed for a caller who hung up would wait out its lease.
   */
  wait?: number
}

/** How long a stopping runner waits for a claim beyond its `wait`. */
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
  { signal, log, runner = `${hostname()}-${process.pid}`, wait = 5 }: ServeOptions,
): Promise<void> {
  const over = new AbortController()
  const announced = AbortSignal.any([signal, over.signal])
  let model: Model | undefined
  let announcing: Promise<void> | undefined
  const onOpen = (opened: Model) => {
    model = opened
    announcing ??= announceAgain(edge, () => model ?? opened, { runner, log, signal: announced })
  }
  try {
    await serveStories(edge, generator, { signal, log, runner, wait, onOpen })
  } finally {
    over.abort()
    await announcing
    const deadline = AbortSignal.timeout(GOODBYE_MS)
    await edge.goodbye(runner, deadline).catch(() => {})
  }
}

async function serveStories(
  edge: Edge,
  generator: StoryGenerator & { open(): Promise<Model> },
  { signal, log, runner, wait, onOpen }: Required<ServeOptions> & { runner: string; onOpen: (model: Model) => void },
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    // Opened before a story is claimed: a runner without a model must not use up the attempts of stories.
    const opened = await generator.open()
    onOpen(opened)
    const lastClaim = after(signal, wait * 1000 + LAST_CLAIM_MS)
    const unread = await edge
      .claim({ runner, model: opened.name, wait }, { signal: lastClaim.signal, stop: signal })
      .catch(unlessAborted)
      .finally(lastClaim.clear)
    if (!unread) continue
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

/** Announce to the edge that the runner is there, with what its model can do, again and again until `signal` is aborted. */
async function announceAgain(
  edge: Edge,
  modelNow: () => Model,
  { runner, log, signal }: { runner: string; log: Log; signal: AbortSignal },
): Promise<void> {
  try {
    for (;;) {
      const { name, abilities } = modelNow()
      const known = await edge.announce({ runner, protocol: PROTOCOL, model: { name, abilities } }, signal)
      if (!known) return log('edge.older', { explanation: 'it knows nothing of announcements' })
      if (known.set_aside_until) log('runner.set_aside', { until: known.set_aside_until })
      await setTimeout(ANNOUNCE_SECONDS * 1000, undefined, { signal })
    }
  } catch (error) {
    // What is wrong with the edge or the model ends the claiming as well, which says so.
    if (!signal.aborted) log('runner.unannounced', { error: error instanceof Error ? error.message : String(error) })
  }
}
