/** The runner's loop: claim a story, attempt it, claim the next. */
import { hostname } from 'node:os'
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
   * claim in flight is waited for: a story lent to a caller who hung up would cost it an attempt.
   */
  wait?: number
}

/** How long a stopping runner waits for a claim beyond its `wait`. */
const LAST_CLAIM_MS = 3000
/** So many stories in a row that fail through no fault of theirs mean that the fault lies here. */
const FAILURES_IN_A_ROW = 3

/**
 * Serve stories until `signal` is aborted. Throws when the model cannot be opened, when the edge refuses this runner,
 * and when story after story fails; whoever started the process starts a fresh one then.
 */
export async function serve(
  edge: Edge,
  generator: StoryGenerator & { open(): Promise<{ name: string }> },
  { signal, log, runner = `${hostname()}-${process.pid}`, wait = 5 }: ServeOptions,
): Promise<void> {
  let failures = 0
  while (!signal.aborted) {
    // Opened before a story is claimed: a runner without a model must not use up the attempts of stories.
    const { name: model } = await generator.open()
    const lastClaim = after(signal, wait * 1000 + LAST_CLAIM_MS)
    const claim = await edge
      .claim({ runner, model, wait }, { signal: lastClaim.signal, stop: signal })
      .catch(unlessAborted)
      .finally(lastClaim.clear)
    if (!claim) continue
    const about = { story: claim.id, attempt: claim.attempt, traceparent: claim.traceparent }
    log('story.claimed', { ...about, finished_frames: claim.finished_frames })
    const started = performance.now()
    const { outcome, error } = await attempt(claim, edge.lease(claim), generator, { signal })
    const seconds = Math.round(performance.now() - started) / 1000
    const memory_mb = Math.round(process.memoryUsage.rss() / 2 ** 20)
    log(`story.${outcome}`, { ...about, seconds, memory_mb, ...(error ? { error: error.message } : {}) })
    const atFault = outcome === 'failed' && !(error instanceof PictureUnavailable)
    failures = atFault ? failures + 1 : 0
    if (failures === FAILURES_IN_A_ROW) throw new Error(`${failures} stories in a row failed, last: ${error?.message}`)
  }

  function unlessAborted(error: unknown): undefined {
    if (!signal.aborted) throw error
  }
}
