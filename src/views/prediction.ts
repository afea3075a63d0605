/** A story as Replicate's clients see it. */
import type { Prediction, PredictionStatus } from '../../contract/prediction.ts'
import type { StoryRequest } from '../../contract/story.ts'
import type { FrameRow, StoryRow } from '../db/schema/stories.ts'
import { isRemoved } from '../db/stories/removal.ts'
import type { StoryWithFrames } from '../db/stories/stories.ts'
import { type LinkSettings, linksEnd, signUrl } from '../platform/signed-url.ts'
import { refOf } from './model-ref.ts'
import { fileOf } from './story.ts'

/** @param aborted whether the client knows the status `aborted`; stock clients would wait for ever on it. */
export function predictionOf(found: StoryWithFrames, settings: LinkSettings, aborted = false): Prediction {
  const { story } = found
  const { owner, name, version } = refOf(story.model)
  const base = `${story.origin}/v1/predictions/${story.id}`
  const output = outputOf(found, settings)
  const events = story.prediction?.events
  return {
    id: story.id,
    model: `${owner}/${name}`,
    version,
    status: statusOf(story, aborted),
    input: story.dataRemovedAt !== null ? {} : (story.prediction?.input ?? { story: withoutDelivery(story.request) }),
    output: output.length > 0 ? output : null,
    logs: logsOf(found),
    error: errorOf(story),
    metrics: metricsOf(found),
    data_removed: isRemoved(story),
    source: 'api',
    webhook: story.webhook,
    ...(story.webhook && events && { webhook_events_filter: events }),
    created_at: microseconds(story.createdAt),
    started_at: story.startedAt === null ? null : microseconds(story.startedAt),
    completed_at: story.completedAt === null ? null : microseconds(story.completedAt),
    urls: {
      get: base,
      cancel: `${base}/cancel`,
      stream: signUrl(`${story.origin}/v1/files/${story.id}/stream`, linksEnd(story), settings, found.linkGeneration),
      web: `${story.origin}/stories/${story.id}`,
    },
  }
}

function statusOf(story: StoryRow, aborted: boolean): PredictionStatus {
  if (story.status === 'queued') return 'starting'
  if (story.status === 'expired') return aborted ? 'aborted' : 'canceled'
  return story.status === 'running' ? 'processing' : story.status
}

/** Why the output is missing or incomplete; null when nothing went wrong. */
export function errorOf({ status, error }: StoryRow): string | null {
  if (status === 'expired') return 'deadline exceeded before start'
  return status === 'failed' ? (error?.message ?? 'unknown') : null
}

/** The finished pictures, by index. The list grows while the story runs. */
function outputOf(found: StoryWithFrames, settings: LinkSettings): string[] {
  return found.story.dataRemovedAt === null ? found.frames.map((frame) => frameUrl(found, frame, settings)) : []
}

export function frameUrl({ story, linkGeneration }: StoryWithFrames, frame: FrameRow, settings: LinkSettings): string {
  const url = `${story.origin}/stories/${story.id}/frames/${fileOf(frame)}`
  return signUrl(url, linksEnd(story), settings, linkGeneration)
}

/** A log: one line for each finished frame, and the progress. */
function logsOf(found: StoryWithFrames): string {
  const lines = found.frames.map(({ index, width, height, seed }) => {
    return `frame ${index + 1}/${found.story.frameCount}: ${width}x${height}, seed ${seed}\n`
  })
  return [...lines, progressOf(found)].join('')
}

/** The progress as tqdm writes it; undefined before there is any. */
export function progressOf({ story }: StoryWithFrames): string | undefined {
  const done = story.status === 'succeeded'
  if (!story.progress && !done) return undefined
  const { step, steps, fraction, stage } = story.progress ?? { step: 0, steps: 0, fraction: 1, stage: 'decoding' }
  const total = steps > 0 ? steps : story.frameCount
  return tqdm(done ? 1 : fraction, done ? total : step, total, stage)
}

/** ` 40%|####      | 2/5 [sampling]`: what `parseProgressFromLogs` looks for. The percentage is of the whole story. */
function tqdm(fraction: number, step: number, steps: number, stage: string): string {
  const bar = '#'.repeat(Math.floor(fraction * 10)).padEnd(10)
  return `${String(Math.floor(fraction * 100)).padStart(3)}%|${bar}| ${step}/${steps} [${stage}]\n`
}

function metricsOf({ story, frames }: StoryWithFrames): Prediction['metrics'] {
  if (story.completedAt === null) return {}
  return {
    ...(story.startedAt !== null && { predict_time: (story.completedAt - story.startedAt) / 1000 }),
    total_time: (story.completedAt - story.createdAt) / 1000,
    image_count: frames.length,
  }
}

const microseconds = (ms: number) => new Date(ms).toISOString().replace('Z', '000Z')

const withoutDelivery = ({ webhook, webhook_events_filter, model, ...story }: StoryRequest) => story
