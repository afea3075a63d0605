/**
 * One attempt at one story: generate it, hand every frame over as soon as it is there, keep the lease alive meanwhile,
 * and report how it ended. Frames handed over stay with the edge, so an attempt that is cut short leaves less to the next.
 */
import { setTimeout } from 'node:timers/promises'
import type { ConsistencyReport } from '../../../../contract/consistency.ts'
import type { Claim } from '../../../../contract/runner.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import type { Progress, StoryStatus } from '../../../../contract/story-view.ts'
import { after } from './deadline.ts'
import { EdgeRefused, type EventBody, type Lease, StaleLease } from './edge.ts'

/** Makes the pictures. `generate` throws `BadStory` when the story is at fault, `NotFinite` when it may be, and anything else
 * when it is not: `BrokenMachine` when no other story would go well. */
export interface StoryPages {
  /** A PNG, and the same as WebP. */
  storyboard: Uint8Array<ArrayBuffer>
  storyboardWebp: Uint8Array<ArrayBuffer>
  bookPdf: Uint8Array<ArrayBuffer>
}

export interface StoryGenerator {
  generate(
    request: StoryRequest,
    options: {
      seed: number
      signal: AbortSignal
      skip: ReadonlySet<number>
      /** Pictures of those frames, as PNG. */
      finished: Readonly<Record<number, Uint8Array>>
      /** The reference picture, or the bank, that the edge keeps under a hash. */
      readStored: (sha256: string) => Promise<Uint8Array>
    },
  ): AsyncGenerator<GeneratorEvent>
  /** The page of all frames; `pngs` has one for every frame, in order. */
  /** What is made of all frames; `pngs` are in their order. */
  pages(request: StoryRequest, pngs: Uint8Array[]): Promise<StoryPages>
}

export type GeneratorEvent =
  | { type: 'stage'; stage: Progress['stage'] }
  | { type: 'step'; step: number; steps: number }
  | { type: 'bank'; bytes: Uint8Array<ArrayBuffer> }
  /** What the model makes of the story's consistency, and a PNG that shows it; before the last frame. */
  | { type: 'report'; report: ConsistencyReport; sheet: Uint8Array<ArrayBuffer> }
  | { type: 'frame'; index: number; png: Uint8Array<ArrayBuffer>; seed: number }

/** The story cannot be generated, however often it is tried. */
export class BadStory extends Error {
  override name = 'BadStory'
}

/** A reference picture could not be had, through no fault of the story or of this runner. */
export class PictureUnavailable extends Error {
  override name = 'PictureUnavailable'
}

/** Nothing can be generated on this machine: its weights are damaged. */
export class BrokenMachine extends Error {
  override name = 'BrokenMachine'
}

/** Numbers overflowed. Whether by the story's fault or this machine's, another machine will show. */
export class NotFinite extends Error {
  override name = 'NotFinite'
}

/** `broken`: released, because this machine cannot generate anything. `stale`: the story was no longer ours. `unreported`: the edge could not be told in time, so the lease runs out. */
export type Outcome = 'succeeded' | 'canceled' | 'rejected' | 'failed' | 'broken' | 'released' | 'stale' | 'unreported'

export interface AttemptOptions {
  /** Aborted when the runner is to stop: the story is then given back. */
  signal: AbortSignal
  sleep?: (milliseconds: number, signal: AbortSignal) => Promise<unknown>
  /** How long the last word on a story is still tried after `signal` was aborted. */
  lastWordMs?: number
}

const PROGRESS_MS = 500
const LONGEST_HEARTBEAT_MS = 5000
const CANCELED = new Error('the story was canceled')

export async function attempt(
  claim: Claim,
  lease: Lease,
  generator: StoryGenerator,
  {
    signal,
    sleep = (milliseconds, signal) => setTimeout(milliseconds, undefined, { signal }),
    lastWordMs = 5000,
  }: AttemptOptions,
): Promise<{ outcome: Outcome; error?: Error }> {
  // `work` ends the generation and says why; `over` ends the loops that go along with it.
  const work = new AbortController()
  const over = new AbortController()
  const giveBack = () => work.abort(signal.reason)
  signal.addEventListener('abort', giveBack)
  if (signal.aborted) giveBack()
  let progress: Progress = { stage: 'loading_model', step: 0, steps: 0, fraction: 0 }
  let unsaid: Progress | undefined
  let posting: Promise<unknown> = Promise.resolve()

  const alongside = AbortSignal.any([work.signal, over.signal])
  let leaseSeconds = claim.lease_seconds
  const loops = [
    every(
      () => Math.min((leaseSeconds * 1000) / 3, LONGEST_HEARTBEAT_MS),
      async () => {
        const { cancel, lease_seconds } = await lease.heartbeat(alongside)
        leaseSeconds = lease_seconds
        if (cancel) work.abort(CANCELED)
      },
    ),
    every(
      () => PROGRESS_MS,
      async () => {
        if (!unsaid) return
        const said = { type: 'story.progress', progress: unsaid } as const
        unsaid = undefined
        await post(said, alongside)
      },
    ),
  ]
  const generating = generateAll()
  try {
    // The last word does not wait for a sampler that is still busy with its step.
    return { outcome: await Promise.race([generating, abortOf(work.signal)]) }
  } catch (thrown) {
    return await lastWord(work.signal.aborted ? work.signal.reason : thrown)
  } finally {
    signal.removeEventListener('abort', giveBack)
    over.abort()
    // The next story does wait; a runner that stops has no next story.
    await Promise.allSettled(signal.aborted ? loops : [generating, ...loops])
  }

  async function generateAll(): Promise<Outcome> {
    const { story, seed } = claim
    const skip = new Set(claim.finished_frames)
    const pngs = new Map<number, Uint8Array>()
    const readStored = (sha256: string) => lease.readReference(sha256, work.signal)
    await post({ type: 'story.started' }, work.signal)
    for (const index of skip) pngs.set(index, await lease.readFrame(index, work.signal))
    if (skip.size < story.frames.length) {
      const finished = Object.fromEntries(pngs)
      for await (const event of generator.generate(story, { seed, signal: work.signal, skip, finished, readStored })) {
        if (event.type === 'frame') {
          await lease.putFrame(event.index, event.png, event.seed, work.signal)
          pngs.set(event.index, event.png)
        }
        if (event.type === 'bank') await lease.putBank(event.bytes, work.signal)
        else if (event.type === 'report') {
          await lease.putReport(event.report, work.signal)
          await lease.putSheet(event.sheet, work.signal)
        } else advance(event, pngs.size)
        if (event.type === 'frame')
          await post({ type: 'story.frame.completed', index: event.index, progress }, work.signal)
      }
    }
    work.signal.throwIfAborted()
    const ordered = story.frames.flatMap((_, index) => pngs.get(index) ?? [])
    if (ordered.length < story.frames.length)
      throw new Error(`the model ended after ${ordered.length} of ${story.frames.length} frames`)
    const { storyboard, storyboardWebp, bookPdf } = await generator.pages(story, ordered)
    await lease.putStoryboard(storyboard, work.signal)
    await lease.putPage('storyboard.webp', storyboardWebp, work.signal)
    await lease.putPage('book.pdf', bookPdf, work.signal)
    const status = await post({ type: 'story.completed' }, work.signal)
    return status === 'canceled' ? 'canceled' : 'succeeded' // the completion may have crossed a cancellation
  }

  function advance(event: Exclude<GeneratorEvent, { type: 'bank' | 'report' }>, finished: number): void {
    const { stage, step, steps } = progress
    const done = event.type === 'step' ? event.step / event.steps : steps > 0 ? step / steps : 0
    progress = {
      stage: event.type === 'stage' ? event.stage : stage,
      ...(event.type === 'step' ? { step: event.step, steps: event.steps } : { step, steps }),
      // Sampling is nearly all of the work; what is left is decoding, frame by frame.
      fraction: Math.max(progress.fraction, 0.9 * done + (0.1 * finished) / claim.story.frames.length),
    }
    unsaid = event.type === 'frame' ? undefined : progress
  }

  /** Say how an attempt that was cut short ended. */
  async function lastWord(reason: unknown): Promise<{ outcome: Outcome; error?: Error }> {
    over.abort()
    const error = reason instanceof Error ? reason : new Error(String(reason))
    if (error instanceof StaleLease) return { outcome: 'stale', error }
    const deadline = after(signal, lastWordMs)
    try {
      if (error === CANCELED) {
        await post({ type: 'story.canceled' }, deadline.signal)
        return { outcome: 'canceled' }
      }
      if (signal.aborted) {
        await posting
        await lease.release('stopping', deadline.signal)
        return { outcome: 'released' }
      }
      if (error instanceof BrokenMachine) {
        await posting
        await lease.release('broken', deadline.signal)
        return { outcome: 'broken', error }
      }
      const rejected = error instanceof BadStory
      const said = { code: codeOf(error), message: error.message }
      await post({ type: 'story.failed', error: said, retryable: !rejected }, deadline.signal)
      return { outcome: rejected ? 'rejected' : 'failed', error }
    } catch (thrown) {
      if (deadline.signal.aborted) return { outcome: 'unreported', error }
      if (thrown instanceof StaleLease) return { outcome: 'stale', error: thrown }
      if (thrown instanceof EdgeRefused && thrown.status === 404) return { outcome: 'stale', error: thrown }
      // Refused for what this runner is rather than for the story, such as a wrong secret: another may do better.
      await lease.release('broken', deadline.signal).catch(() => {})
      throw thrown
    } finally {
      deadline.clear()
    }
  }

  /** Events go out one after the other, in the order of their sequence numbers. */
  function post(event: EventBody, signal: AbortSignal): Promise<StoryStatus> {
    const posted = posting.then(async () => {
      const { cancel, status } = await lease.post(event, signal)
      if (cancel) work.abort(CANCELED)
      return status
    })
    posting = posted.catch(() => {})
    return posted
  }

  /** Run `task` at this pace until the attempt is over; losing the lease in it ends the attempt. */
  async function every(milliseconds: () => number, task: () => Promise<void>): Promise<void> {
    try {
      for (;;) {
        await sleep(milliseconds(), alongside)
        await task()
      }
    } catch (error) {
      if (!alongside.aborted) work.abort(error)
    }
  }
}

function codeOf(error: Error): string {
  if (error instanceof BadStory) return 'invalid_story'
  if (error instanceof NotFinite) return 'not_finite'
  return error instanceof PictureUnavailable ? 'picture_unavailable' : 'runner_failed'
}

/** Rejects with the reason once `signal` is aborted. */
function abortOf(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason))
    if (signal.aborted) reject(signal.reason)
  })
}
