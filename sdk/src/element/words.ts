/** What `<fable-story>` says. */
import type { Story } from '../types.ts'

/** How the story stands, in a sentence; empty once all pictures are there. */
export function statusOf({ status, queue, frames, error, data_removed }: Story): string {
  if (data_removed) return 'The pictures of this story are no longer kept.'
  const done = frames.filter(({ url }) => url !== null).length
  const left = done > 0 ? `, ${done} of ${frames.length} pictures done` : ''
  switch (status) {
    case 'succeeded':
      return ''
    case 'failed':
      return `The story could not be finished: ${error?.message ?? 'something went wrong'}.`
    case 'canceled':
      return 'The story was canceled.'
    case 'expired':
      return 'The story was not started in time.'
    case 'queued': {
      const { position = null, position_is_exact: isExact } = queue ?? {}
      if (position === null) return 'Waiting'
      return position === 1 ? 'Waiting, next in line' : `Waiting, place ${position}${isExact ? '' : ' or later'}`
    }
    default:
      return `Drawing${left}`
  }
}

/** Time to go, rounded as one would say it; empty where nobody knows. */
export function timeToGo(seconds: number | undefined): string {
  if (seconds === undefined) return ''
  if (seconds < 1) return 'a moment to go'
  if (seconds <= 10) return `about ${Math.ceil(seconds)} s to go`
  if (seconds <= 90) return `about ${Math.ceil(seconds / 5) * 5} s to go`
  if (seconds <= 5400) return `about ${Math.ceil(seconds / 60)} min to go`
  return `about ${Math.ceil(seconds / 3600)} h to go`
}
