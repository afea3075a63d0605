/** A story as every route and webhook shows it. */
import type { Story } from '../../contract/story.ts'
import type { StoryRow } from '../db/schema.ts'
import type { StoryWithFrames } from '../db/stories.ts'
import { LINK_MS, type LinkSettings, signUrl } from './signed-url.ts'

export function viewOf({ story, frames }: StoryWithFrames, settings: LinkSettings): Story {
  const self = `${story.origin}/stories/${story.id}`
  const drawn = new Map(frames.map((frame) => [frame.index, frame]))
  return {
    id: story.id,
    status: story.status,
    version: story.version,
    title: story.request.title,
    model: story.model,
    seed: story.seed,
    frames: story.request.frames.map(({ prompt }, index) => {
      const frame = drawn.get(index)
      const { width = null, height = null, seed = null } = frame ?? {}
      const status = frame ? 'succeeded' : 'pending'
      return { index, status, prompt, url: frame ? `${self}/frames/${index}.png` : null, width, height, seed }
    }),
    progress: story.progress,
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
    data_removed: story.dataRemovedAt !== null,
    urls: {
      self,
      cancel: `${self}/cancel`,
      resume: `${self}/resume`,
      events: signUrl(`${self}/events`, story.createdAt + LINK_MS, settings),
      storyboard: story.storyboard ? `${self}/storyboard.png` : null,
    },
  }
}

/** Earlier claims, and the one under way. */
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
