/** Following a story: server-sent events, taken up again where they broke off, or long polling where they do not get through. */
import { ConnectionError, FableframeError, RateLimitError, ServerError, TimeoutError } from './errors.ts'
import { readEventStream } from './event-stream.ts'
import { pause } from './http.ts'
import type { Frame, Story, StoryStatus } from './types.ts'

/**
 * `frame`: there is a picture that was not there before. `progress`: the story has changed and goes on. `end`: it has
 * succeeded, failed, expired or was canceled; no event comes after it.
 */
export type StoryEvent =
  | { type: 'frame'; story: Story; frame: Frame & { url: string } }
  | { type: 'progress'; story: Story }
  | { type: 'end'; story: Story }

/** Where versions of a story come from. */
export interface StorySource {
  /** `GET /stories/{id}/events` */
  stream(headers: Record<string, string>, signal: AbortSignal): Promise<Response>
  /** `GET /stories/{id}?wait=…&since_version=…`; left out where there is only a link to the events. */
  poll?(sinceVersion: number, signal: AbortSignal | undefined): Promise<Story>
}

export interface FollowTimes {
  /** A stream that brings nothing in this time does not get through what lies between. */
  firstMs: number
  /** A stream is dead that brings not even a comment for this long; the edge sends one every 15 seconds. */
  quietMs: number
  /** Before a stream is opened again; until a stream says otherwise. */
  retryMs: number
  random: () => number
}

const usual: FollowTimes = { firstMs: 10_000, quietMs: 40_000, retryMs: 2000, random: Math.random }
/** Failures in a row, with no version between them. */
const MAX_FAILURES = 6

export const isEnded = (status: StoryStatus): boolean => status !== 'queued' && status !== 'running'

/** The story whenever it has changed, its present state first; ends when the story does. */
export async function* versionsOf(
  source: StorySource,
  signal?: AbortSignal,
  times: Partial<FollowTimes> = {},
): AsyncGenerator<Story, void> {
  const { firstMs, quietMs, retryMs, random } = { ...usual, ...times }
  let retry = retryMs
  let version = 0
  let failures = 0
  let streams = true
  for (;;) {
    try {
      for await (const story of streams ? streamed() : polled()) {
        failures = 0
        if (story.version > version) yield story
        version = Math.max(version, story.version)
        if (isEnded(story.status)) return
      }
    } catch (error) {
      signal?.throwIfAborted()
      const mayPass = [ConnectionError, ServerError, RateLimitError].some((kind) => error instanceof kind)
      if (!mayPass || ++failures >= MAX_FAILURES) throw error
    }
    await pause(retry * 2 ** Math.max(0, failures - 1) * (0.5 + random() / 2), signal)
  }

  async function* polled(): AsyncGenerator<Story, void> {
    const story = await source.poll!(version, signal)
    const isNews = story.version > version
    yield story
    if (isNews) yield* polled()
  }

  /** One connection. */
  async function* streamed(): AsyncGenerator<Story, void> {
    const connection = new AbortController()
    const stop = () => connection.abort(signal?.reason)
    signal?.addEventListener('abort', stop)
    let timer: ReturnType<typeof setTimeout> | undefined
    const expectWithin = (ms: number) => {
      clearTimeout(timer)
      timer = setTimeout(() => connection.abort(new TimeoutError(`the stream was silent for ${ms} ms`)), ms)
    }
    let isAlive = false
    try {
      expectWithin(firstMs)
      const known: Record<string, string> = version > 0 ? { 'last-event-id': String(version) } : {}
      const response = await source.stream({ accept: 'text/event-stream', ...known }, connection.signal)
      const type = response.headers.get('content-type') ?? ''
      if (!response.body || !type.startsWith('text/event-stream'))
        throw new ConnectionError(`a stream of events was expected, not ${type || `status ${response.status}`}`)
      for await (const part of readEventStream(response.body)) {
        isAlive = true
        expectWithin(quietMs)
        if (part === 'comment') continue
        if ('retryMs' in part) retry = part.retryMs
        else if (part.event === 'story') yield JSON.parse(part.data)
      }
      if (!isAlive) throw new ConnectionError('the stream ended before it began')
    } catch (error) {
      if (!isAlive && source.poll) streams = false
      if (connection.signal.aborted) throw connection.signal.reason
      if (error instanceof FableframeError) throw error
      throw new ConnectionError(`the stream broke off: ${error}`, { cause: error })
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', stop)
      connection.abort()
    }
  }
}

/** What is new in each version. */
export async function* eventsOf(versions: AsyncIterable<Story>): AsyncGenerator<StoryEvent, void> {
  const shown = new Map<number, string>()
  for await (const story of versions) {
    for (const frame of story.frames) {
      const { index, url } = frame
      // Redrawn frames have another link.
      if (url === null || shown.get(index) === url) continue
      shown.set(index, url)
      yield { type: 'frame', story, frame: { ...frame, url } }
    }
    yield { type: isEnded(story.status) ? 'end' : 'progress', story }
  }
}
