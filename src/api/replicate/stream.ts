/** `urls.stream` of a prediction: server-sent events in Replicate's form, by a link that needs no API key (or by the path, with one). */
import { createRoute } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { z } from 'zod'
import { isTerminal, StoryId } from '../../../contract/story-view.ts'
import type { FrameRow } from '../../db/schema/stories.ts'
import { findStory, type StoryWithFrames, versionOf } from '../../db/stories/stories.ts'
import { followStory } from '../../durable/announce.ts'
import type { LinkSettings } from '../../platform/signed-url.ts'
import { errorOf, frameUrl, progressOf } from '../../views/prediction.ts'
import { requireReader } from '../http/auth.ts'
import { ProblemError } from '../http/problems.ts'
import { newRoutes, openToLinks, problems } from '../http/routes.ts'
import { retryMs } from '../stories/events.ts'

const COMMENT_EVERY_MS = 15_000
/** A stream ends before a Worker's bound of 1 000 queries; an EventSource comes back with its `Last-Event-ID`. */
const MAX_READS = 400

const stream = createRoute({
  method: 'get',
  // Under /v1/files/, because that is where replicate-javascript takes the data of `output` for URLs of files.
  path: '/v1/files/{id}/stream',
  summary: 'Follow a prediction (server-sent events)',
  description:
    'Use `urls.stream` of the prediction as it is. Events: `output` (the URL of a frame, as frames are done), `logs` ' +
    '(the progress as a line of tqdm), `error`, and at the end `done` with `{}`, or with a `reason` of `canceled` or ' +
    '`error`. `Last-Event-ID` resumes without repeating an output.',
  tags: ['Replicate'],
  security: openToLinks,
  middleware: [requireReader] as const,
  request: { params: z.object({ id: StoryId }) },
  responses: {
    200: { description: 'The stream', content: { 'text/event-stream': { schema: z.string() } } },
    ...problems('unauthorized', 'not-found'),
  },
})

export const predictionStreamRoutes = newRoutes().openapi(stream, async (c) => {
  const { db, settings, reader } = c.var
  const { id } = c.req.valid('param')
  if ((await versionOf(db, id, reader)) === undefined) throw new ProblemError('not-found', `no prediction ${id}`)
  let position = positionOf(c.req.header('last-event-id'))
  return streamSSE(c, async (sse) => {
    await sse.write(`retry: ${retryMs(c.var.tools.randomBytes)}\n\n`)
    const room = await followStory(c.env, id)
    for (let reads = 0; reads < MAX_READS && !sse.aborted; reads++) {
      const found = await findStory(db, id, reader)
      if (!found) return
      const events = eventsAfter(found, position, settings)
      for (const event of events) await sse.writeSSE(event)
      if (isTerminal(found.story.status)) return
      position = { outputs: found.frames.length, progress: progressOf(found) }
      if (!(await room.changed(COMMENT_EVERY_MS))) await sse.write(': still here\n\n')
    }
  })
})

/** How much of a prediction a reader has seen. */
export interface Position {
  outputs: number
  progress: string | undefined
}

/** `<ms since 1970>:<outputs seen>`; from the beginning when there is none or it is not ours. */
function positionOf(lastEventId: string | undefined): Position {
  const outputs = Number(/^\d+:(\d{1,3})$/.exec(lastEventId ?? '')?.[1] ?? 0)
  return { outputs, progress: undefined }
}

/** What a reader has not seen. Outputs come in the order in which they were done, so that their number is a position. */
function eventsAfter(found: StoryWithFrames, { outputs, progress }: Position, settings: LinkSettings) {
  const { story } = found
  const done = found.frames.toSorted(byCompletion)
  const events = done.slice(outputs).map((frame, i) => ({
    event: 'output',
    id: `${frame.createdAt}:${outputs + i + 1}`,
    data: frameUrl(found, frame, settings),
  }))
  const id = `${story.completedAt ?? done.at(-1)?.createdAt ?? story.createdAt}:${done.length}`
  const now = progressOf(found)
  if (now !== undefined && now !== progress) events.push({ event: 'logs', id, data: now })
  const error = errorOf(story)
  // A stock client throws at `error` and reads no further; at `done` it stops.
  if (error !== null) events.push({ event: 'error', id, data: JSON.stringify({ detail: error }) })
  if (isTerminal(story.status)) {
    const reason = story.status === 'canceled' ? { reason: 'canceled' } : error === null ? {} : { reason: 'error' }
    events.push({ event: 'done', id, data: JSON.stringify(reason) })
  }
  return events
}

const byCompletion = (a: FrameRow, b: FrameRow) => a.createdAt - b.createdAt || a.index - b.index
