/** `/client-tokens`: what a page holds in place of an API key. */
import type { Http, RequestOptions } from './http.ts'
import type { ClientToken, ClientTokenParams } from './types.ts'

export class ClientTokens {
  readonly #http: Http

  constructor(http: Http) {
    this.#http = http
  }

  /** A token that may create `max_stories` stories, or follow the one `story`, from pages of `origins`. */
  create(params: ClientTokenParams, options: RequestOptions = {}): Promise<ClientToken> {
    return this.#http.json('POST', 'client-tokens', { ...options, body: params })
  }
}
