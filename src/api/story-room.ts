/**
 * The Durable Object where those who follow a story wait for its next change, so that none of them has to ask D1 again
 * and again. It knows nothing about the story: it hands out tickets, and a ticket is old once the story has changed. One
 * that an earlier life of the object gave out is old too, so a change is never slept through.
 */
import { base32 } from './keys.ts'

export const LONGEST_WAIT_MS = 30_000

export class StoryRoom {
  readonly #life = base32(crypto.getRandomValues(new Uint8Array(10)))
  readonly #waiting = new Set<() => void>()
  #changes = 0

  /** `POST`: the story has changed. `GET ?ticket=…&ms=…`: a new ticket, as soon as that one is old or `ms` are over. */
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'POST') {
      this.#changes++
      for (const wake of this.#waiting) wake()
      return new Response(null, { status: 204 })
    }
    const { searchParams } = new URL(request.url)
    const ms = Math.min(Number(searchParams.get('ms') ?? 0), LONGEST_WAIT_MS)
    if (searchParams.get('ticket') === this.#ticket()) await this.#nextChange(ms)
    return new Response(this.#ticket())
  }

  #ticket(): string {
    return `${this.#life}.${this.#changes}`
  }

  #nextChange(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer)
        this.#waiting.delete(done)
        resolve()
      }
      const timer = setTimeout(done, ms)
      this.#waiting.add(done)
    })
  }
}
