/** What a story's request says about its place in the queue, as columns of its row. */
import { protocolOf } from '../../../contract/protocol.ts'
import type { StoryRequest } from '../../../contract/story.ts'
import { DEFAULT_RUN_MS } from '../schema/stories.ts'

export const PRIORITIES = { high: -1, normal: 0, low: 1 } as const satisfies Record<StoryRequest['priority'], number>

/** @param cancelAfterMs from `now`, when the story has to be over; undefined for never. */
export function queueFields(request: StoryRequest, cancelAfterMs: number | undefined, now: number) {
  const { priority, deadline } = request
  const startWithinMs = milliseconds(deadline.start_within)
  const startBy = Math.min(startWithinMs ?? Number.POSITIVE_INFINITY, cancelAfterMs ?? Number.POSITIVE_INFINITY)
  return {
    priority: PRIORITIES[priority],
    protocol: protocolOf(request),
    claimableAt: now,
    startWithinMs,
    startBy: Number.isFinite(startBy) ? now + startBy : null,
    runWithinMs: milliseconds(deadline.run_within) ?? DEFAULT_RUN_MS,
    finishBy: cancelAfterMs === undefined ? null : now + cancelAfterMs,
  }
}

const milliseconds = (seconds: number | null) => (seconds === null ? null : Math.round(seconds * 1000))
