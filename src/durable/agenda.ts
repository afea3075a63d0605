/**
 * The one Durable Object that knows whether upkeep has anything to do, so that an edge that nobody uses asks D1 nothing. It
 * has something to do for a while after each request that changes something, and from the moment that it said itself, the
 * last time it was done. If in doubt, it has.
 */
import type { DurableObjectState } from '@cloudflare/workers-types'
import { z } from 'zod'
import type { Bindings } from '../platform/env.ts'
import { logError } from '../platform/log.ts'
import { postTo } from './call.ts'

/** How long upkeep goes on, once a minute, after something was changed. */
const ACTIVE_MS = 10 * 60_000
/** How often an isolate says that something is changed, at most. */
const SAY_MS = 2 * 60_000
/** The longest that upkeep does nothing, even if nothing is known of anything to do. */
const LONGEST_REST_MS = 3_600_000

const Call = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ask'), now: z.number() }),
  z.object({ type: z.literal('active'), until: z.number() }),
  z.object({ type: z.literal('done'), next: z.number() }),
])
type Call = z.infer<typeof Call>

export class Agenda {
  readonly #state: DurableObjectState

  constructor(state: DurableObjectState) {
    this.#state = state
  }

  /** `POST` with a `Call`. Times are milliseconds since 1970. `ask` is answered with `{ due }`. */
  async fetch(request: Request): Promise<Response> {
    const call = Call.parse(await request.json())
    const { storage } = this.#state
    if (call.type === 'active') await storage.put('active', call.until)
    if (call.type === 'done') await storage.put('next', call.next)
    if (call.type !== 'ask') return new Response(null, { status: 204 })
    const known = await storage.get<number>(['active', 'next'])
    const due = call.now < (known.get('active') ?? 0) || call.now >= (known.get('next') ?? 0)
    return Response.json({ due })
  }
}

type Agendas = Pick<Bindings, 'AGENDA'>

const ask = (env: Agendas, call: Call) => postTo(env.AGENDA, 'all', call)

let saidAt = Number.NEGATIVE_INFINITY

/** Something is being changed, so upkeep will have something to do. Does not throw. */
export async function noteActivity(env: Agendas, now: number): Promise<void> {
  if (Math.abs(now - saidAt) < SAY_MS) return
  saidAt = now
  try {
    await ask(env, { type: 'active', until: now + ACTIVE_MS })
  } catch (error) {
    // The next request says it again.
    saidAt = Number.NEGATIVE_INFINITY
    logError('agenda', error)
  }
}

export async function isUpkeepDue(env: Agendas, now: number): Promise<boolean> {
  try {
    const answer = await ask(env, { type: 'ask', now })
    return z.object({ due: z.boolean() }).parse(await answer.json()).due
  } catch (error) {
    logError('agenda', error)
    return true
  }
}

/** Upkeep is done, and has something to do again at `next`. Does not throw: untold, it is done again in a minute. */
export async function settleUpkeep(env: Agendas, next: number, now: number): Promise<void> {
  const call: Call = { type: 'done', next: Math.min(next, now + LONGEST_REST_MS) }
  await ask(env, call).catch((error) => logError('agenda', error))
}
