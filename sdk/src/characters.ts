/** `/characters`: kept once, named by any number of stories. */
import { type FileInput, partOf } from './files.ts'
import { type Http, type RequestOptions, randomKey } from './http.ts'
import { type Pages, pagesOf, type WirePage } from './page.ts'
import type { Character } from './types.ts'

export interface CharacterParams {
  /** How prompts call it. */
  name: string
  /** What it looks like. */
  description: string
  /** Up to four pictures: PNG, JPEG or WebP of at most 5 MiB each. */
  references?: readonly FileInput[] | undefined
}

export class Characters {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  async create(
    { name, description, references = [] }: CharacterParams,
    options: RequestOptions = {},
  ): Promise<Character> {
    const form = new FormData()
    form.set('name', name)
    form.set('description', description)
    for (const reference of references) {
      const part = await partOf(reference)
      if (typeof part === 'string') form.append('references', part)
      else form.append('references', part)
    }
    const { idempotencyKey = randomKey() } = options
    return this.#http.json('POST', 'characters', { ...options, body: form, idempotencyKey })
  }

  get(id: string, options: RequestOptions = {}): Promise<Character> {
    return this.#http.json('GET', pathOf(id), options)
  }

  /** Newest first. */
  list(query: { limit?: number } = {}, options: RequestOptions = {}): Pages<Character> {
    return pagesOf<Character>((next) =>
      next === undefined
        ? this.#http.json<WirePage<Character>>('GET', 'characters', { ...options, query })
        : this.#http.json<WirePage<Character>>('GET', `characters${next}`, options),
    )
  }

  /** Stories that were accepted before still use it. */
  async delete(id: string, options: RequestOptions = {}): Promise<void> {
    await this.#http.json('DELETE', pathOf(id), options)
  }
}

const pathOf = (id: string) => `characters/${encodeURIComponent(id)}`
