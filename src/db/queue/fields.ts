/** What a story's request says about its place in the queue, as columns of its row. */
import type { StoryRequest } from '../../../contract/story.ts'
import { DEFAULT_RUN_MS } from '../schema/stories.ts'

export const PRIORITIES = { high: -1, normal: 0, low: 1 } as const satisfies Record<StoryRequest['priority'], number>

/** @param cancelAfterMs from `now`, when the story has to be over; undefined for never. */
export function queueFields({ priority, deadline }: StoryRequest, cancelAfterMs: number | undefined, now: number) {
  const startWithinMs = milliseconds(deadline.start_within)
  const startBy = Math.min(startWithinMs ?? Number.POSITIVE_INFINITY, cancelAfterMs ?? Number.POSITIVE_INFINITY)
  return {
    priority: PRIORITIES[priority],
    claimableAt: now,
    startWithinMs,
    startBy: Number.isFinite(startBy) ? now + startBy : null,
    runWithinMs: milliseconds(deadline.run_within) ?? DEFAULT_RUN_MS,
    finishBy: cancelAfterMs === undefined ? null : now + cancelAfterMs,
  }
}

const milliseconds = (seconds: number | null) => (seconds === null ? null : Math.round(seconds * 1000))
