/** A story as every route and webhook shows it. */
import { isTerminal, type Story } from '../../contract/story-view.ts'
import { etaOf, type Outlook } from '../db/queue/outlook.ts'
import type { FrameRow, StoryRow } from '../db/schema/stories.ts'
import { isRemoved } from '../db/stories/removal.ts'
import type { StoryWithFrames } from '../db/stories/stories.ts'
import type { Settings } from '../platform/env.ts'
import { type LinkSettings, linksEnd, signUrl } from '../platform/signed-url.ts'

/** `outlook` for those who read or follow one story. */
export function viewOf(
  { story, frames, linkGeneration, outlook }: StoryWithFrames & { outlook?: Outlook },
  settings: LinkSettings & Partial<Pick<Settings, 'WAKE' | 'COLD_START_SECONDS'>>,
): Story {
  const self = `${story.origin}/stories/${story.id}`
  const coldStart = settings.WAKE === undefined ? undefined : settings.COLD_START_SECONDS
  const signed = (path: string) => signUrl(`${self}/${path}`, linksEnd(story), settings, linkGeneration)
  const canBeRead = isTerminal(story.status) && story.dataRemovedAt === null
  const finished = new Map(frames.map((frame) => [frame.index, frame]))
  return {
    id: story.id,
    status: story.status,
    version: story.version,
    title: story.request.title,
    model: story.model,
    seed: story.seed,
    frames: story.request.frames.map(({ prompt, text = null }, index) => {
      const frame = finished.get(index)
      const { width = null, height = null, seed = null, revision = null } = frame ?? {}
      const status = frame ? 'succeeded' : 'pending'
      const url = frame ? signed(`frames/${fileOf(frame)}`) : null
      return { index, status, prompt, text, url, width, height, seed, revision }
    }),
    bank: story.bank && {
      id: story.id,
      url: signed('bank.safetensors'),
      sha256: story.bank.sha256,
      bytes: story.bank.bytes,
      characters: story.bank.cast.map(({ id }) => id),
    },
    consistency: story.consistency && {
      ...story.consistency,
      overlay_url: story.consistencySheet ? signed('consistency.png') : null,
    },
    progress: story.progress,
    queue: outlook ? queueOf(story, story.frameCount - frames.length, outlook, coldStart) : null,
    error: story.status === 'failed' ? story.error : null,
    attempts: attemptsOf(story),
    dead_letter: story.deadLetter,
    cancel_requested: story.cancelRequested,
    metadata: story.request.metadata,
    webhook: story.webhook,
    created_at: new Date(story.createdAt).toISOString(),
    started_at: time(story.startedAt),
    completed_at: time(story.completedAt),
    expires_at: time(story.expiresAt),
    data_removed: isRemoved(story),
    urls: {
      self,
      cancel: `${self}/cancel`,
      resume: `${self}/resume`,
      frames: `${self}/frames`,
      events: signed('events'),
      embed: signed('embed'),
      storyboard: story.storyboard ? signed('storyboard.png') : null,
      storyboard_webp: story.storyboardWebp ? signed('storyboard.webp') : null,
      book_pdf: story.bookPdf ? signed('book.pdf') : null,
      book_epub: canBeRead && frames.length === story.frameCount ? signed('book.epub') : null,
      zip: canBeRead && frames.length > 0 ? signed('story.zip') : null,
    },
  }
}

/** `2.png`, or `2-1.png` once it has been redrawn. What a name stands for never changes. */
export const fileOf = ({ index, revision }: Pick<FrameRow, 'index' | 'revision'>) =>
  revision === 0 ? `${index}.png` : `${index}-${revision}.png`

/** @param left frames that are not finished. */
function queueOf(story: StoryRow, left: number, outlook: Outlook, coldStart: number | undefined): Story['queue'] {
  const { status, ready, attemptStartedAt, progress } = story
  if (isTerminal(status)) return null
  const { ahead } = outlook
  // No runner is there, and the edge starts one.
  const expected = status === 'queued' && ready && outlook.present === 0 ? coldStart : undefined
  const running = attemptStartedAt === null ? 'starting' : (progress?.stage ?? 'starting')
  return {
    stage: status === 'running' ? running : !ready ? 'pausing' : expected === undefined ? 'waiting' : 'starting',
    position: ahead && ahead.count + 1,
    position_is_exact: !ahead?.atLeast,
    eta_seconds: etaOf({ ...story, frameCount: status === 'queued' ? left : story.frameCount }, outlook, expected),
  }
}

/** Earlier claims, and the present one. */
function attemptsOf({ attempts, attempt, runner, claimedAt, attemptStartedAt }: StoryRow): Story['attempts'] {
  const past = attempts.map(({ number, runner, claimedAt, startedAt, endedAt, outcome }) => ({
    number,
    runner,
    claimed_at: new Date(claimedAt).toISOString(),
    started_at: time(startedAt),
    ended_at: time(endedAt),
    outcome,
  }))
  if (runner === null || claimedAt === null) return past
  const number = attemptStartedAt === null ? null : attempt
  const claimed_at = new Date(claimedAt).toISOString()
  return [
    ...past,
    { number, runner, claimed_at, started_at: time(attemptStartedAt), ended_at: null, outcome: 'running' },
  ]
}

const time = (ms: number | null) => (ms === null ? null : new Date(ms).toISOString())
