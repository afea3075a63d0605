/** Turning pages: by buttons and keys, and by swiping, which is scrolling. */
import { create } from './dom.ts'

export class Scroller {
  /** What scrolls, and takes the focus. */
  readonly box: HTMLElement
  readonly navigation: HTMLElement
  readonly #items: () => HTMLElement[]
  readonly #previous = button('‹', 'previous', 'Previous picture')
  readonly #next = button('›', 'next', 'Next picture')
  readonly #page = create('span', { class: 'page', part: 'page' })

  /** Where it is going, so that a key that is pressed twice goes two pictures on. */
  #target: number | undefined

  constructor(list: HTMLElement, items: () => HTMLElement[]) {
    this.#items = items
    this.box = create('div', { class: 'frames', part: 'scroller', role: 'group' }, list)
    this.navigation = create(
      'nav',
      { part: 'navigation', 'aria-label': 'Pictures' },
      this.#previous,
      this.#page,
      this.#next,
    )
    this.#previous.addEventListener('click', () => this.show(this.#current - 1))
    this.#next.addEventListener('click', () => this.show(this.#current + 1))
    this.box.addEventListener('scroll', () => this.update(), { passive: true })
    this.box.addEventListener('scrollend', () => {
      this.#target = undefined
      this.update()
    })
    this.box.addEventListener('keydown', (event) => this.#onKey(event))
  }

  /** Goes to a picture. */
  show(index: number): void {
    const items = this.#items()
    const target = Math.max(0, Math.min(index, items.length - 1))
    const item = items[target]
    const distance = item ? startOf(item, this.box) : 0
    if (Math.abs(distance) < 1) return
    this.#target = target
    this.box.scrollTo({ left: this.box.scrollLeft + distance })
    this.update()
  }

  /** Says which picture is shown, once something has moved or changed its size. */
  update(): void {
    const items = this.#items()
    const scrolls = this.box.scrollWidth > this.box.clientWidth + 1
    this.navigation.hidden = !scrolls
    if (scrolls) this.box.tabIndex = 0
    else this.box.removeAttribute('tabindex')
    const current = this.#current
    const isAtEnd = Math.abs(this.box.scrollLeft) >= this.box.scrollWidth - this.box.clientWidth - 1
    // The last pictures of a strip may fit beside each other.
    const shown = isAtEnd && this.#target === undefined ? items.length - 1 : current
    this.#previous.disabled = current === 0
    this.#next.disabled = shown === items.length - 1
    this.#page.textContent = `${shown + 1} / ${items.length}`
  }

  get #current(): number {
    if (this.#target !== undefined) return this.#target
    const starts = this.#items().map((item) => Math.abs(startOf(item, this.box)))
    return Math.max(0, starts.indexOf(Math.min(...starts)))
  }

  #onKey(event: KeyboardEvent): void {
    if (event.ctrlKey || event.metaKey || event.altKey || this.navigation.hidden) return
    const onward = getComputedStyle(this.box).direction === 'rtl' ? 'ArrowLeft' : 'ArrowRight'
    const back = onward === 'ArrowLeft' ? 'ArrowRight' : 'ArrowLeft'
    const to: Record<string, number> = {
      [onward]: this.#current + 1,
      [back]: this.#current - 1,
      Home: 0,
      End: this.#items().length - 1,
    }
    const index = to[event.key]
    if (index === undefined) return
    event.preventDefault()
    this.show(index)
  }
}

/** Pixels from where `box` begins to where `item` begins, on the side where lines begin. */
function startOf(item: HTMLElement, box: HTMLElement): number {
  const [a, b] = [item.getBoundingClientRect(), box.getBoundingClientRect()]
  const side = getComputedStyle(box).direction === 'rtl' ? 'right' : 'left'
  return a[side] - b[side]
}

function button(sign: string, part: string, label: string): HTMLButtonElement {
  const made = create('button', { type: 'button', part: `button ${part}`, 'aria-label': label }, sign)
  return made
}
