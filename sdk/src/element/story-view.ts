/** The inside of `<fable-story>`: frames, how to turn them, and how the story stands. */
import { isEnded } from '../follow.ts'
import type { Frame, Story } from '../types.ts'
import { create } from './dom.ts'
import { FramesView } from './frames-view.ts'
import { Scroller } from './scroller.ts'
import { css } from './styles.ts'
import { statusOf, timeToGo } from './words.ts'

export interface ViewOptions {
  layout: string
  captions: boolean
  /** Width / height of frames whose size is not known yet. */
  ratio: number
}

let sheet: CSSStyleSheet | undefined

export class StoryView {
  readonly #frames: FramesView
  readonly #scroller: Scroller
  /** The pictures that the page itself holds, until the story has been read. */
  readonly #fallback = create('slot')
  readonly #main = create('div', { part: 'story' })
  readonly #status = create('span', { part: 'status', role: 'status' })
  readonly #progress = create('div', {
    class: 'progress',
    part: 'progress',
    role: 'progressbar',
    'aria-label': 'Progress',
  })
  readonly #fill = create('div', { class: 'fill', part: 'bar' })
  readonly #eta = create('span', { class: 'eta', part: 'eta' })
  readonly #bar = create('div', { class: 'bar' }, this.#status, this.#progress, this.#eta)
  readonly #resizes: ResizeObserver
  #ticks: ReturnType<typeof setInterval> | undefined
  /** When the story is expected to end, in ms since 1970. */
  #expectedAt: number | undefined
  #captions = true

  constructor(
    root: ShadowRoot,
    { previewOf, onFailed }: { previewOf: (index: number) => string | undefined; onFailed: (frame: Frame) => void },
  ) {
    if (!sheet) {
      sheet = new CSSStyleSheet()
      sheet.replaceSync(css)
    }
    root.adoptedStyleSheets = [sheet]
    this.#frames = new FramesView({ previewOf, onFailed, textOf: (frame) => this.#textOf(frame) })
    this.#scroller = new Scroller(this.#frames.list, () => this.#frames.items)
    this.#progress.append(this.#fill)
    this.#main.append(this.#scroller.box, this.#scroller.navigation, this.#bar)
    this.#main.hidden = true
    root.replaceChildren(this.#fallback, this.#main)
    this.#resizes = new ResizeObserver(() => this.#scroller.update())
    this.#resizes.observe(this.#scroller.box)
    this.#bar.hidden = true
  }

  /** How the story stands, in words. */
  get status(): string {
    return this.#status.textContent
  }

  turnTo(index: number): void {
    this.#scroller.show(index)
  }

  /** @param story undefined before it has been read. */
  show(story: Story | undefined, { layout, captions, ratio }: ViewOptions): void {
    this.#captions = captions
    this.#main.className = ['grid', 'book'].includes(layout) ? layout : 'strip'
    if (!story) return
    this.#fallback.hidden = true
    this.#main.hidden = false
    const known = story.frames.find(({ width, height }) => width && height)
    this.#frames.update(story.frames, known ? known.width! / known.height! : ratio)
    this.#scroller.box.setAttribute('aria-label', story.title ?? 'Story')
    this.#scroller.update()
    const isOver = isEnded(story.status)
    this.say(statusOf(story), isOver)
    if (!isOver) this.#showProgress(story)
  }

  /** @param isLast whether that is how it stays. */
  say(text: string, isLast = true): void {
    // A live region speaks only of what changes in it.
    if (this.#status.textContent !== text) this.#status.textContent = text
    this.#main.hidden &&= text === ''
    this.#bar.hidden = text === ''
    this.#bar.classList.toggle('problem', isLast)
    this.#progress.hidden = true
    this.#expect(undefined)
  }

  close(): void {
    clearInterval(this.#ticks)
  }

  #showProgress({ status, progress, queue }: Story): void {
    const fraction = status === 'running' ? progress?.fraction : undefined
    this.#progress.hidden = false
    this.#progress.classList.toggle('waiting', fraction === undefined)
    if (fraction === undefined) this.#progress.removeAttribute('aria-valuenow')
    else this.#progress.setAttribute('aria-valuenow', String(Math.round(100 * fraction)))
    this.#fill.style.setProperty('--done', String(fraction ?? 0))
    const seconds = queue?.eta_seconds?.p50
    this.#expect(seconds === undefined ? undefined : Date.now() + 1000 * seconds)
  }

  #expect(at: number | undefined): void {
    this.#expectedAt = at
    clearInterval(this.#ticks)
    if (at !== undefined) this.#ticks = setInterval(() => this.#showTimeToGo(), 1000)
    this.#showTimeToGo()
  }

  #showTimeToGo(): void {
    const seconds = this.#expectedAt === undefined ? undefined : (this.#expectedAt - Date.now()) / 1000
    this.#eta.textContent = timeToGo(seconds)
  }

  #textOf({ prompt, text }: Frame) {
    return { caption: this.#captions ? (text ?? prompt) : '', alt: prompt }
  }
}
