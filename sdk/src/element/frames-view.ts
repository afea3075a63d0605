/** The frames of a story as a list of figures, brought up to date in place, so that pictures that are shown stay. */
import type { Frame } from '../types.ts'
import { create } from './dom.ts'

interface FrameText {
  /** Below the picture; empty for none. */
  caption: string
  /** In place of the picture, for those who do not see it. */
  alt: string
}

export interface FramesOptions {
  textOf(frame: Frame): FrameText
  /** A picture to show blurred while a frame is pending, if there is one. */
  previewOf(index: number): string | undefined
  onFailed(frame: Frame): void
}

interface Figure {
  item: HTMLElement
  picture: HTMLElement
  caption: HTMLElement
  image: HTMLImageElement | undefined
  preview: HTMLImageElement | undefined
}

export class FramesView {
  readonly list: HTMLElement = create('ol', { role: 'list', part: 'frames' })
  readonly #options: FramesOptions
  readonly #figures: Figure[] = []

  constructor(options: FramesOptions) {
    this.#options = options
  }

  get items(): HTMLElement[] {
    return this.#figures.map(({ item }) => item)
  }

  /** @param ratio width / height of frames whose size is not known yet. */
  update(frames: readonly Frame[], ratio: number): void {
    while (this.#figures.length > frames.length) this.#figures.pop()!.item.remove()
    for (const [index, frame] of frames.entries()) {
      const figure = (this.#figures[index] ??= this.#add())
      const { caption, alt } = this.#options.textOf(frame)
      const { width, height } = frame
      figure.picture.style.setProperty('--ratio', String(width && height ? width / height : ratio))
      figure.caption.textContent = caption
      figure.caption.hidden = caption === ''
      // Else it would be read out twice.
      figure.caption.ariaHidden = String(caption === alt)
      if (frame.url === null) this.#wait(figure, index, alt)
      else if (figure.image?.dataset.url !== frame.url) this.#show(figure, frame, frame.url, alt)
      else figure.image.alt = alt
    }
  }

  #add(): Figure {
    const picture = create('div', { class: 'picture skeleton', part: 'picture' })
    const caption = create('figcaption', { part: 'caption' })
    const figure = create('figure', {}, picture, caption)
    const item = create('li', { part: 'frame' }, figure)
    this.list.append(item)
    return { item, picture, caption, image: undefined, preview: undefined }
  }

  /** A pending frame: a skeleton, over what was there before if anything was. */
  #wait(figure: Figure, index: number, alt: string): void {
    const before = figure.image?.src ?? this.#options.previewOf(index)
    if (figure.image) {
      figure.image.remove()
      figure.image = undefined
    }
    figure.picture.classList.add('skeleton')
    figure.picture.setAttribute('role', 'img')
    figure.picture.setAttribute('aria-label', `${alt} (not drawn yet)`)
    if (before === undefined || figure.preview) return
    figure.preview = create('img', { class: 'preview', part: 'preview', src: before, alt: '' })
    figure.picture.prepend(figure.preview)
  }

  #show(figure: Figure, frame: Frame, url: string, alt: string): void {
    const size = { width: String(frame.width ?? ''), height: String(frame.height ?? '') }
    const image = create('img', { ...size, class: 'image loading', part: 'image', alt, decoding: 'async' })
    image.dataset.url = url
    const before = figure.image
    image.addEventListener('load', () => {
      image.classList.remove('loading')
      figure.picture.classList.remove('skeleton')
      before?.remove()
      figure.preview?.remove()
      figure.preview = undefined
    })
    image.addEventListener('error', () => {
      // Its alternative text is shown in its place.
      image.classList.remove('loading')
      figure.picture.classList.remove('skeleton')
      this.#options.onFailed(frame)
    })
    figure.image = image
    figure.picture.removeAttribute('role')
    figure.picture.removeAttribute('aria-label')
    figure.picture.append(image)
    image.src = url
  }
}
