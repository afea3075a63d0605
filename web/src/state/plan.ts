/** What the main button does: a new story, or more frames of the one on the screen. */
import type { Story, StoryParams } from '../../../sdk/src/types.ts'

export type Plan = { what: 'new' } | { what: 'again' } | { what: 'more'; frames: StoryParams['frames'] }

/**
 * @param made the request by which `story` came to be as it is.
 * More frames go behind the story's own where nothing else has changed. `again` where nothing has.
 */
export function planOf(now: StoryParams, made: StoryParams | null, story: Story | null): Plan {
  if (!made || !story || JSON.stringify(settingsOf(now)) !== JSON.stringify(settingsOf(made))) return { what: 'new' }
  const isSame = made.frames.every(({ prompt }, i) => now.frames[i]?.prompt === prompt)
  if (!isSame || now.frames.length < made.frames.length) return { what: 'new' }
  const frames = now.frames.slice(made.frames.length)
  if (frames.length === 0) return { what: 'again' }
  const canContinue = story.status === 'succeeded' && (story.bank !== null || (now.characters ?? []).length === 0)
  return canContinue ? { what: 'more', frames } : { what: 'new' }
}

const settingsOf = ({ frames: _, ...settings }: StoryParams) => settings
