/** `new Fableframe({ apiKey, baseUrl })` */
import { Characters } from './characters.ts'
import { ClientTokens } from './client-tokens.ts'
import { FableframeError } from './errors.ts'
import { Frames } from './frames.ts'
import { Http } from './http.ts'
import { Stories } from './stories.ts'
import { Webhooks } from './webhooks.ts'

export interface FableframeOptions {
  /** `ff_live_…`; the environment's FABLEFRAME_API_KEY when left out. For servers: who has it can do everything. */
  apiKey?: string | undefined
  /** A client token in place of the key, for browsers. */
  token?: string | undefined
  /** Where the edge is; the environment's FABLEFRAME_EDGE_URL when left out. */
  baseUrl?: string | undefined
  /** Milliseconds that one attempt of a request may take; a minute when left out. */
  timeout?: number | undefined
  /** Further attempts of a request after the first; 2 when left out. */
  maxRetries?: number | undefined
  /** In place of the global one. */
  fetch?: typeof fetch | undefined
  /** Lets a page hold an API key, which all its visitors can then read. */
  dangerouslyAllowBrowser?: boolean | undefined
}

/** A client of the API. */
export class Fableframe {
  readonly stories: Stories
  readonly frames: Frames
  readonly characters: Characters
  readonly clientTokens: ClientTokens
  readonly webhooks: Webhooks

  constructor(options: FableframeOptions = {}) {
    const { token, timeout = 60_000, maxRetries = 2, dangerouslyAllowBrowser = false } = options
    const { apiKey = token === undefined ? setting('FABLEFRAME_API_KEY') : undefined } = options
    const { baseUrl = setting('FABLEFRAME_EDGE_URL') } = options
    if (apiKey !== undefined && token !== undefined) throw new FableframeError('give apiKey or token, not both')
    const bearer = apiKey ?? token
    if (bearer === undefined) throw new FableframeError('give apiKey or token, or set FABLEFRAME_API_KEY')
    if (baseUrl === undefined) throw new FableframeError('give baseUrl, or set FABLEFRAME_EDGE_URL')
    if (apiKey !== undefined && 'document' in globalThis && !dangerouslyAllowBrowser)
      throw new FableframeError('all visitors of a page can read its API key; give it a client token instead (token)')
    // Called without `this`, as browsers demand.
    const fetch: typeof globalThis.fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init))
    const http = new Http({ baseUrl: folderOf(baseUrl), bearer, fetch, timeout, maxRetries })
    this.stories = new Stories(http)
    this.frames = new Frames(http)
    this.characters = new Characters(http)
    this.clientTokens = new ClientTokens(http)
    this.webhooks = new Webhooks(http)
  }
}

const setting = (name: string): string | undefined => globalThis.process?.env?.[name]

function folderOf(baseUrl: string): string {
  if (!URL.canParse(baseUrl)) throw new FableframeError(`baseUrl is not an absolute URL: ${baseUrl}`)
  return baseUrl.endsWith('/') ? baseUrl : `${baseUrl}/`
}
