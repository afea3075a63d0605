/** The requests of the page, in the shape of the SDK. */

import type { z } from 'zod'
import type { DryRun, Redraw } from '../../contract/character.ts'
import type { Problem } from '../../contract/problem.ts'
import type { StoryRequest } from '../../contract/story.ts'
import type { AcceptedStory, Story, StoryList } from '../../contract/story-view.ts'
import type { Posted } from './state/form.ts'

export class ApiError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** A link of the API, asked for here: links may name another host of the same edge, which the page may not load from. */
export function hereOf(link: string): string {
  const { pathname, search } = new URL(link, location.origin)
  return pathname + search
}

export const isOver = ({ status }: Story) => status !== 'queued' && status !== 'running'

export class Fableframe {
  readonly #apiKey: string
  constructor({ apiKey }: { apiKey: string }) {
    this.#apiKey = apiKey
  }

  readonly stories = {
    create: (story: Posted) => this.#call<AcceptedStory>('POST', '/stories', story),
    dryRun: (story: Posted, signal?: AbortSignal) =>
      this.#call<z.infer<typeof DryRun>>('POST', '/stories?dry_run=true', story, signal),
    retrieve: (id: string) => this.#call<Story>('GET', `/stories/${id}`),
    request: (id: string) => this.#call<StoryRequest>('GET', `/stories/${id}/request`),
    list: (cursor?: string) => this.#call<StoryList>('GET', cursor ?? '/stories?limit=24'),
    continue: (id: string, body: { frames: Posted['frames'] }) =>
      this.#call<Story>('POST', `/stories/${id}/frames`, body),
    cancel: (id: string) => this.#call<Story>('POST', `/stories/${id}/cancel`),
    delete: (id: string) => this.#call<void>('DELETE', `/stories/${id}`),
    follow: (id: string, { signal }: { signal: AbortSignal }) => this.#follow(id, signal),
  }
  readonly frames = {
    redraw: (id: string, index: number, body: Redraw) =>
      this.#call<Story>('POST', `/stories/${id}/frames/${index}/redraw`, body),
  }

  async *#follow(id: string, signal: AbortSignal): AsyncGenerator<Story> {
    for (let version = 0; ; ) {
      const path = `/stories/${id}?wait=20&since_version=${version}`
      const story = await this.#call<Story>('GET', path, undefined, signal)
      if (story.version > version) yield story
      version = story.version
      if (isOver(story)) return
    }
  }

  async #call<Body>(method: string, path: string, body?: unknown, signal?: AbortSignal): Promise<Body> {
    const response = await fetch(path, {
      method,
      headers: { authorization: `Bearer ${this.#apiKey}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      ...(signal && { signal }),
    })
    if (!response.ok) throw new ApiError((await response.json()) as Problem)
    return (response.status === 204 ? undefined : await response.json()) as Body
  }
}
