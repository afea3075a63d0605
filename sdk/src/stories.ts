/** `/stories` */
import { StoryEndedError } from './errors.ts'
import { eventsOf, type StoryEvent, type StorySource, versionsOf } from './follow.ts'
import { type Http, type RequestOptions, randomKey } from './http.ts'
import { type Pages, pagesOf, type WirePage } from './page.ts'
import type { AcceptedStory, DryRun, MoreFrames, Story, StoryParams, StoryRequest, StoryStatus } from './types.ts'

export interface ListStories {
  /** Stories of one request; all pages are gone through all the same. */
  limit?: number | undefined
  /** ISO 8601 with a time zone. */
  created_after?: string | undefined
  created_before?: string | undefined
  status?: StoryStatus | undefined
  /** Those that have all of these in their metadata. */
  metadata?: Record<string, string | number | boolean> | undefined
}

export interface CreateOptions extends RequestOptions {
  /** `90s`, `5m` or `1h`: the story ends after that, whether it has started or not. */
  cancelAfter?: string | undefined
}

export interface WaitOptions {
  /** Called with the story whenever it has changed. */
  onProgress?: ((story: Story) => void) | undefined
  signal?: AbortSignal | undefined
}

/** Seconds that the edge holds an answer back. */
const WAIT_S = 20

export class Stories {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** Queues a story. It can be sent again under the same `idempotencyKey`, and queues one story. */
  create(story: StoryParams, options: CreateOptions = {}): Promise<AcceptedStory> {
    return this.#http.json('POST', 'stories', created(story, options))
  }

  /**
   * Queues a story, and resolves with it once all pictures are there. Throws `StoryEndedError` when it ends in another way.
   * An aborted `signal` cancels the story.
   */
  async createAndWait(story: StoryParams, options: CreateOptions & WaitOptions = {}): Promise<Story> {
    const { id } = await this.create(story, options)
    try {
      return await this.wait(id, options)
    } catch (error) {
      if (options.signal?.aborted) await this.cancel(id).catch(() => {})
      throw error
    }
  }

  /** Resolves once the story has succeeded; throws `StoryEndedError` when it ends in another way. */
  async wait(id: string, { onProgress, signal }: WaitOptions = {}): Promise<Story> {
    let last: Story | undefined
    for await (const story of this.#versionsOf(id, signal)) {
      last = story
      onProgress?.(story)
    }
    if (last?.status !== 'succeeded') throw new StoryEndedError(last!)
    return last
  }

  /** What happens to a story, until it has ended: what has happened so far comes first. */
  follow(id: string, { signal }: { signal?: AbortSignal } = {}): AsyncGenerator<StoryEvent, void> {
    return eventsOf(this.#versionsOf(id, signal))
  }

  get(id: string, options: RequestOptions = {}): Promise<Story> {
    return this.#http.json('GET', pathOf(id), options)
  }

  /** What a story was asked for, to be changed and asked for again. */
  request(id: string, options: RequestOptions = {}): Promise<StoryRequest> {
    return this.#http.json('GET', `${pathOf(id)}/request`, options)
  }

  /** Newest first. */
  list({ metadata = {}, ...filter }: ListStories = {}, options: RequestOptions = {}): Pages<Story> {
    const pairs = Object.entries(metadata).map(([key, value]) => [`metadata.${key}`, value])
    const query = { ...filter, ...Object.fromEntries(pairs) }
    return pagesOf<Story>((next) =>
      next === undefined
        ? this.#http.json<WirePage<Story>>('GET', 'stories', { ...options, query })
        : this.#http.json<WirePage<Story>>('GET', `stories${next}`, options),
    )
  }

  /** Checks a story and estimates its time; nothing is queued. */
  dryRun(story: StoryParams, options: RequestOptions = {}): Promise<DryRun> {
    return this.#http.json('POST', 'stories/dry-run', { ...options, body: story })
  }

  /** Adds frames with the same characters to a story that has ended. */
  continue(id: string, frames: MoreFrames, options: CreateOptions = {}): Promise<Story> {
    return this.#http.json('POST', `${pathOf(id)}/frames`, created(frames, options))
  }

  /** Stops a story. Finished frames are kept. */
  cancel(id: string, options: RequestOptions = {}): Promise<Story> {
    return this.#http.json('POST', `${pathOf(id)}/cancel`, options)
  }

  /** Queues a story again that failed, was canceled or expired. Finished frames are kept. */
  resume(id: string, options: RequestOptions = {}): Promise<Story> {
    return this.#http.json('POST', `${pathOf(id)}/resume`, options)
  }

  /** Erases a story. */
  async delete(id: string, options: RequestOptions = {}): Promise<void> {
    await this.#http.json('DELETE', pathOf(id), options)
  }

  #versionsOf(id: string, signal?: AbortSignal): AsyncGenerator<Story, void> {
    return versionsOf(sourceOf(this.#http, id), signal)
  }
}

export function sourceOf(http: Http, id: string): StorySource {
  const path = pathOf(id)
  return {
    stream: (headers, signal) => http.stream(`${path}/events`, { headers, signal }),
    poll: (since_version, signal) => http.json('GET', path, { query: { wait: WAIT_S, since_version }, signal }),
  }
}

export const pathOf = (id: string): string => `stories/${encodeURIComponent(id)}`

/** A request that creates something, once however often it is sent. */
export function created(body: object, { cancelAfter, ...options }: CreateOptions) {
  return {
    ...options,
    body,
    idempotencyKey: options.idempotencyKey ?? randomKey(),
    ...(cancelAfter !== undefined && { headers: { 'cancel-after': cancelAfter } }),
  }
}
