/** `<fable-story>`: a story in a page, shown while it is drawn. */
import { ApiError } from '../errors.ts'
import { eventsOf, type StorySource, versionsOf } from '../follow.ts'
import { Http } from '../http.ts'
import { sourceOf } from '../stories.ts'
import type { Frame, Story } from '../types.ts'
import { StoryView } from './story-view.ts'

/** The events of the element, with what they have in `detail`. */
export interface FableStoryEventMap {
  /** A picture has been drawn. */
  frame: CustomEvent<{ story: Story; frame: Frame }>
  /** All pictures are there. */
  complete: CustomEvent<{ story: Story }>
  /** The story failed or was canceled, or it cannot be shown. */
  error: CustomEvent<{ message: string; story: Story | undefined; cause: unknown }>
  /** The link or token is no longer in force: set another `src` or `token`, and it goes on. */
  expired: CustomEvent<{ message: string }>
}
type Handler = (event: FableStoryEventMap['expired']) => void

/** A server may import this module, to render the element's tag. */
const Base = globalThis.HTMLElement ?? (class {} as typeof HTMLElement)
const SOURCE = ['src', 'story', 'token', 'base-url']
const RETRIES = 4
const TIMEOUT_MS = 60_000

/**
 * Attributes: `src`, the signed link `urls.events` of a story; or `story`, its id, with a client token in `token`, and
 * `base-url` where the edge is not the page's own origin. `layout`: `strip` (default), `grid` or `book`. `captions="none"`
 * leaves out the text below the pictures. `ratio`, such as `4/3`: of frames whose size is not known yet.
 */
// biome-ignore lint/suspicious/noUnsafeDeclarationMerging: the interface adds overloads of a method that there is
export class FableStory extends Base {
  static observedAttributes = [...SOURCE, 'layout', 'captions', 'ratio']

  #view: StoryView | undefined
  #latest: Story | undefined
  #following: AbortController | undefined
  #isDue = false
  #onexpired: Handler | null = null

  /** The story as it was last read. */
  get latest(): Story | undefined {
    return this.#latest
  }

  /** As `addEventListener('expired', …)`. */
  get onexpired(): Handler | null {
    return this.#onexpired
  }

  set onexpired(handler: Handler | null) {
    if (this.#onexpired) this.removeEventListener('expired', this.#onexpired as EventListener)
    this.#onexpired = typeof handler === 'function' ? handler : null
    if (this.#onexpired) this.addEventListener('expired', this.#onexpired as EventListener)
  }

  connectedCallback(): void {
    const root = this.shadowRoot ?? this.attachShadow({ mode: 'open' })
    this.#view ??= new StoryView(root, {
      previewOf: (index) => this.querySelectorAll('img')[index]?.src,
      onFailed: ({ index }) => this.#fail(`picture ${index + 1} could not be loaded`),
    })
    this.#show()
    this.refresh()
  }

  disconnectedCallback(): void {
    this.#following?.abort()
    this.#view?.close()
  }

  attributeChangedCallback(name: string): void {
    if (!this.isConnected || !this.#view) return
    if (SOURCE.includes(name)) this.refresh()
    else this.#show()
  }

  /** Reads the story again, such as after a redraw. Changes of attributes do so by themselves. */
  refresh(): void {
    if (this.#isDue) return
    this.#isDue = true
    // Attributes that are set one after the other are one change.
    queueMicrotask(() => {
      this.#isDue = false
      this.#following?.abort()
      if (this.isConnected) void this.#follow((this.#following = new AbortController()).signal)
    })
  }

  /** Turns to a picture; the first is 0. */
  turnTo(index: number): void {
    this.#view?.turnTo(index)
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const isTold = new Set(this.#latest?.frames.map(({ url }) => url))
    try {
      const source = this.#source()
      if (!source) return
      for await (const event of eventsOf(versionsOf(source, signal))) {
        if (signal.aborted) return
        const { story } = event
        if (story !== this.#latest) {
          this.#latest = story
          this.#show()
        }
        if (event.type === 'frame' && !isTold.has(event.frame.url)) this.#tell('frame', { story, frame: event.frame })
        if (event.type === 'end' && story.status === 'succeeded') this.#tell('complete', { story })
        else if (event.type === 'end') this.#tell('error', { message: this.#view!.status, story, cause: undefined })
      }
    } catch (error) {
      if (signal.aborted) return
      if (isExpiry(error)) {
        this.#view?.say('The link to this story has expired.')
        this.#tell('expired', { message: error.detail })
      } else {
        const message = error instanceof ApiError ? error.detail : 'the story cannot be reached'
        this.#view?.say(`The story cannot be shown: ${message}.`)
        this.#fail(message, error)
      }
    }
  }

  #source(): StorySource | undefined {
    const [src, story, token, base] = SOURCE.map((name) => this.getAttribute(name) ?? undefined)
    const url = src && new URL(src, this.ownerDocument.baseURI)
    if (!url && !(story && token)) return undefined
    const baseUrl = url || new URL(base ? `${base.replace(/\/$/, '')}/` : '/', this.ownerDocument.baseURI)
    const http = new Http({
      baseUrl: baseUrl.href,
      bearer: url ? undefined : token,
      fetch: (input, init) => fetch(input, init),
      timeout: TIMEOUT_MS,
      maxRetries: RETRIES,
    })
    if (!url) return sourceOf(http, story!)
    return { stream: (headers, signal) => http.stream(url.href, { headers, signal }) }
  }

  #show(): void {
    const [width = 1, height = 1] = (this.getAttribute('ratio') ?? '').split(/[/:]/).map(Number)
    this.#view?.show(this.#latest, {
      layout: this.getAttribute('layout') ?? 'strip',
      captions: this.getAttribute('captions') !== 'none',
      ratio: width / height || 1,
    })
  }

  #fail(message: string, cause?: unknown): void {
    this.#tell('error', { message, story: this.#latest, cause })
  }

  #tell<Name extends keyof FableStoryEventMap>(name: Name, detail: FableStoryEventMap[Name]['detail']): void {
    this.dispatchEvent(new CustomEvent(name, { detail }))
  }
}

const isExpiry = (error: unknown): error is ApiError =>
  error instanceof ApiError &&
  (error.problem === 'token-expired' || (error.status === 401 && error.detail.startsWith('the link expired')))

export interface FableStory {
  addEventListener<Name extends keyof FableStoryEventMap>(
    name: Name,
    listener: (event: FableStoryEventMap[Name]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void
  addEventListener(
    name: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void
}

declare global {
  interface HTMLElementTagNameMap {
    'fable-story': FableStory
  }
}

globalThis.customElements?.get('fable-story') ?? globalThis.customElements?.define('fable-story', FableStory)
