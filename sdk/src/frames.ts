/** Frames of a story. */
import type { Http, RequestOptions } from './http.ts'
import { type CreateOptions, created, pathOf } from './stories.ts'
import type { RedrawParams, Story } from './types.ts'

export class Frames {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /**
   * Generates a frame again, with another prompt, another seed or both; its characters stay. The story is queued once more:
   * wait for it, or follow it. The picture will have another link.
   */
  redraw(storyId: string, index: number, changes: RedrawParams = {}, options: CreateOptions = {}): Promise<Story> {
    return this.#http.json('POST', `${pathOf(storyId)}/frames/${index}/redraw`, created(changes, options))
  }

  /** The picture of a frame, as PNG. Throws while it is pending. */
  async download({ url, index }: { url: string | null; index: number }, options: RequestOptions = {}): Promise<Blob> {
    if (url === null) throw new TypeError(`frame ${index} is pending; it has no picture yet`)
    return this.#http.blob(url, options)
  }
}
