/**
 * The Durable Object where runners of one model wait for stories, so that none of them has to ask D1 again and again.
 *
 * A room knows nothing of the queue. It knows who waits, and what they have been told: a wake-up is a change, and a runner
 * that has looked into D1 since the last one need not look again for a while. Everything is in memory. A room that was
 * replaced tells the next who ask to look; a wake-up that was lost is made up for by the look that each runner takes
 * every `LOOK_MS` at least.
 *
 * Of many that wait, a wake-up for one story sends one to look. If it comes back without a story, because that one is not
 * for it, the next one goes; if it does not come back at all, the next one goes a little later.
 */
import { z } from 'zod'
import { base32 } from '../platform/ids.ts'

const LONGEST_WAIT_MS = 60_000
/** How long a runner may wait without a look into D1. The longest wait ends just after it, so it is one look for each. */
const LOOK_MS = 55_000
/** Before the next one is sent, when nothing was heard of the last. */
const SILENT_MS = 2_000
/** Runners whose last look is remembered. Others are told to look. */
const MAX_RUNNERS = 1_000
/** The longest time for which a timer is set. */
const FAR_MS = 3_600_000

/** What a look into D1 found, when that was no story: `next` is the moment (ms since 1970) at which there may be one. */
const Looked = z.object({ ticket: z.string(), next: z.number().nullable() })
export type Looked = z.infer<typeof Looked>

const Call = z.discriminatedUnion('type', [
  /** Wait up to `ms` for a reason to look. Answered with a `Word`. */
  z.object({ type: z.literal('wait'), runner: z.string(), ms: z.number(), looked: Looked.optional() }),
  /** So many stories have become ready; one more may be at `next`. With 0, one that was sent has gone away. */
  z.object({ type: z.literal('wake'), stories: z.int().min(0), next: z.number().nullable().optional() }),
  z.object({ type: z.literal('took'), runner: z.string(), stories: z.int() }),
  /** The runner stops: what it waits for is over. */
  z.object({ type: z.literal('goodbye'), runner: z.string() }),
])
export type ClaimRoomCall = z.input<typeof Call>

/**
 * `claim`: there may be a story. `check`: it is time to look whether there is one, though nothing was heard of any.
 * `none`: the wait is over. The ticket is to be shown with what the look finds.
 */
export const Word = z.object({ say: z.enum(['claim', 'check', 'none']), ticket: z.string() })
export type Word = z.infer<typeof Word>

interface Waiting {
  runner: string
  end: (say: Word['say']) => void
}

export class ClaimRoom {
  readonly #life = base32(crypto.getRandomValues(new Uint8Array(10)))
  #changes = 0
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiting>()
  /** By runner: the ticket and the time of the last look that found nothing. */
  readonly #looks = new Map<string, { ticket: string; at: number }>()
  /** Stories that were announced and, as far as is known, not taken. */
  #untaken = 0
  #silence: ReturnType<typeof setTimeout> | undefined
  #next: { at: number; timer: ReturnType<typeof setTimeout> } | undefined

  /** `POST` with a `ClaimRoomCall`. */
  async fetch(request: Request): Promise<Response> {
    const call = Call.parse(await request.json())
    if (call.type === 'wait') return Response.json(await this.#wait(call, request.signal))
    if (call.type === 'wake') this.#wake(call.stories, call.next ?? null)
    if (call.type === 'took') this.#took(call.runner, call.stories)
    if (call.type === 'goodbye') for (const one of this.#waiting) if (one.runner === call.runner) one.end('none')
    return new Response(null, { status: 204 })
  }

  get #ticket(): string {
    return `${this.#life}.${this.#changes}`
  }

  async #wait(
    { runner, ms, looked }: { runner: string; ms: number; looked?: Looked | undefined },
    signal: AbortSignal | undefined,
  ): Promise<Word> {
    if (looked) this.#note(runner, looked)
    const look = this.#looks.get(runner)
    if (ms <= 0) return { say: 'none', ticket: this.#ticket }
    if (look?.ticket !== this.#ticket) return { say: 'claim', ticket: this.#ticket }
    if (Date.now() - look.at >= LOOK_MS) return { say: 'check', ticket: this.#ticket }
    const say = await new Promise<Word['say']>((resolve) => {
      const one: Waiting = {
        runner,
        end: (say) => {
          clearTimeout(timer)
          this.#waiting.delete(one)
          resolve(say)
        },
      }
      const timer = setTimeout(() => one.end('none'), Math.min(ms, LONGEST_WAIT_MS))
      signal?.addEventListener('abort', () => one.end('none'))
      this.#waiting.add(one)
    })
    return { say, ticket: this.#ticket }
  }

  /** The runner has looked and found nothing; if there is something all the same, it is for another. */
  #note(runner: string, { ticket, next }: Looked): void {
    this.#looks.delete(runner)
    this.#looks.set(runner, { ticket, at: Date.now() })
    const [oldest] = this.#looks.keys()
    if (this.#looks.size > MAX_RUNNERS && oldest !== undefined) this.#looks.delete(oldest)
    this.#wakeAt(next)
    if (this.#untaken > 0) this.#send(1)
  }

  #wake(stories: number, next: number | null): void {
    this.#wakeAt(next)
    if (stories > 0) this.#changes++
    this.#untaken += stories
    if (this.#untaken > 0) this.#send(Math.max(1, stories))
  }

  #took(runner: string, stories: number): void {
    this.#looks.delete(runner)
    this.#untaken = Math.max(0, this.#untaken - stories)
  }

  /** Send up to `count` of those to look who have not looked since the last change. */
  #send(count: number): void {
    clearTimeout(this.#silence)
    const ready = [...this.#waiting].filter(({ runner }) => this.#looks.get(runner)?.ticket !== this.#ticket)
    // Whoever comes later looks by itself.
    if (ready.length === 0) this.#untaken = 0
    for (const one of ready.slice(0, count)) one.end('claim')
    if (this.#untaken > 0) this.#silence = setTimeout(() => this.#send(1), SILENT_MS)
  }

  /** At `next` a lease or a pause is over. One runner looks then, and announces what it finds and cannot take. */
  #wakeAt(next: number | null): void {
    if (next === null || next >= (this.#next?.at ?? Number.POSITIVE_INFINITY)) return
    clearTimeout(this.#next?.timer)
    const look = () => {
      this.#next = undefined
      this.#changes++
      const [first] = this.#waiting
      first?.end('claim')
    }
    this.#next = { at: next, timer: setTimeout(look, Math.min(Math.max(0, next - Date.now()), FAR_MS)) }
  }
}
