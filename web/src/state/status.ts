/** How a story stands, in a sentence. */
import type { Story } from '../../../sdk/src/types.ts'
import type { Plan } from './plan.ts'

const STAGES: Record<string, string> = {
  pausing: 'Pausing before another attempt',
  starting: 'A runner takes the story up',
  loading_model: 'Opening the model',
  encoding_text: 'Reading the text',
  decoding: 'Developing the pictures',
}

interface Standing {
  story: Story | null
  busy: boolean
  plan: Plan
  /** Of drawing what is on the screen. */
  seconds: number | null
}

export function statusOf({ story, busy, plan, seconds }: Standing): string {
  if (busy) return story ? underWay(story) : 'Sending the story'
  const estimate = seconds === null ? '' : `takes about ${duration(seconds)}`
  if (!story || plan.what === 'new') return sentence(estimate)
  const count = story.frames.filter(({ url }) => url !== null).length
  const ended = {
    succeeded: count === 1 ? 'The frame is drawn' : `All ${count} frames are drawn`,
    canceled: `Canceled, with ${count} of ${story.frames.length} frames drawn`,
    expired: 'Not started in time',
    failed: 'The story failed',
  } as const
  return sentence(story.status in ended ? ended[story.status as keyof typeof ended] : '')
}

function underWay({ queue, progress }: Story): string {
  const stage = queue?.stage
  const seconds = queue?.eta_seconds?.p50
  const left = seconds === undefined ? '' : `, about ${duration(seconds)} to go`
  if (stage === 'waiting' && queue?.position) {
    const place = queue.position === 1 ? 'Next in the queue' : `Place ${queue.position} in the queue`
    return `${place}${queue.position_is_exact ? '' : ' or later'}${left}`
  }
  if (stage === 'sampling' && progress) return `Drawing, step ${progress.step} of ${progress.steps}${left}`
  return `${STAGES[stage ?? ''] ?? 'Waiting for a runner'}${left}`
}

/** For the bar; null while nothing is known. */
export const fractionOf = ({ progress, status }: Story): number | null =>
  status === 'queued' ? 0 : (progress?.fraction ?? null)

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`
}

const sentence = (text: string) => (text === '' ? '' : `${text[0]!.toUpperCase()}${text.slice(1)}.`)
