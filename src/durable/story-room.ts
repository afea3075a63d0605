/**
 * The Durable Objects where those who follow a story wait for its next change, so that none of them has to ask D1 again
 * and again. A room knows nothing about its stories: it hands out tickets, and a ticket is stale once its story has changed.
 * Tickets of an earlier life of the room are stale too, so that no change is missed.
 *
 * Stories share rooms, by their ids. Most stories have no followers, and a room for each would make an object with every
 * claim. Few rooms are enough, since one database makes all the changes. A batch of claims wakes each room once.
 */
import { z } from 'zod'
import { base32 } from '../platform/ids.ts'

const ROOMS = 8
const LONGEST_WAIT_MS = 30_000
/** Stories that a room remembers. To a follower of a forgotten one, the next ticket looks like a change. */
const MAX_STORIES = 10_000

/** The ids of stories that have changed. */
const Changed = z.array(z.string())

interface Followed {
  ticket: number
  waiting: Set<() => void>
}

export const roomNameOf = (storyId: string) => String(storyId.charCodeAt(0) % ROOMS)

export class StoryRoom {
  readonly #life = base32(crypto.getRandomValues(new Uint8Array(10)))
  /** Stories that have had a follower. */
  readonly #followed = new Map<string, Followed>()
  #changes = 0

  /**
   * `POST` with `Changed`. `GET ?story=…&ticket=…&ms=…`: a new ticket for the story, as soon as the given one is stale or
   * `ms` have passed.
   */
  async fetch(request: Request): Promise<Response> {
    if (request.method === 'POST') {
      for (const id of Changed.parse(await request.json())) this.#change(id)
      return new Response(null, { status: 204 })
    }
    const { searchParams } = new URL(request.url)
    const id = searchParams.get('story') ?? ''
    const ms = Math.min(Number(searchParams.get('ms') ?? 0), LONGEST_WAIT_MS)
    const followed = this.#follow(id)
    if (searchParams.get('ticket') === this.#ticketOf(followed)) await nextChange(followed, ms)
    return new Response(this.#ticketOf(followed))
  }

  #change(id: string): void {
    const followed = this.#followed.get(id)
    if (!followed) return
    followed.ticket = ++this.#changes
    for (const wake of followed.waiting) wake()
  }

  #follow(id: string): Followed {
    const followed = this.#followed.get(id) ?? { ticket: ++this.#changes, waiting: new Set() }
    this.#followed.delete(id)
    this.#followed.set(id, followed)
    if (this.#followed.size > MAX_STORIES) this.#forgetOne()
    return followed
  }

  #forgetOne(): void {
    for (const [id, { waiting }] of this.#followed)
      if (waiting.size === 0) {
        this.#followed.delete(id)
        return
      }
  }

  #ticketOf({ ticket }: Followed): string {
    return `${this.#life}.${ticket}`
  }
}

function nextChange({ waiting }: Followed, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      waiting.delete(done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    waiting.add(done)
  })
}
