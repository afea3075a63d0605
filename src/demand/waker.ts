/**
 * The one Durable Object that starts runners when there is work for them, and stops what they ran on when there is none. It
 * asks D1 only from the moment that somebody says there may be something to do until that is done: its alarm is the clock.
 */
import type { DurableObjectState } from '@cloudflare/workers-types'
import { z } from 'zod'
import { openDb } from '../db/client.ts'
import { postTo } from '../durable/call.ts'
import { count } from '../durable/meter.ts'
import { type Bindings, readSettings, systemTools } from '../platform/env.ts'
import { logError } from '../platform/log.ts'
import { openAdapter } from './adapters/index.ts'
import { atRest, decide, expectedColdStart, noteArrival, type WakeState } from './decide.ts'
import { readDemand } from './demand.ts'

/** Posts of one moment are one demand. */
const DEBOUNCE_MS = 500
/** While there is something to do, and after a failure. */
const LOOK_AGAIN_MS = 10_000
/** How often an isolate says that stories wait, at most: less than `DEBOUNCE_MS`, so that none comes after the look. */
const SAY_MS = 400

const Call = z.discriminatedUnion('type', [
  /** Stories may be waiting for runners that are not there. */
  z.object({ type: z.literal('look') }),
  /** A runner has started, and is ready. */
  z.object({ type: z.literal('arrived') }),
  z.object({ type: z.literal('ask') }),
])
type Call = z.infer<typeof Call>

export class Waker {
  readonly #state: DurableObjectState
  readonly #env: Bindings

  constructor(state: DurableObjectState, env: Bindings) {
    this.#state = state
    this.#env = env
  }

  /** `POST` with a `Call`. Answers how long a cold start is expected to take, and whether one is under way. */
  async fetch(request: Request): Promise<Response> {
    const call = Call.parse(await request.json())
    if (call.type === 'arrived') await this.#keep(noteArrival(await this.#known(), Date.now()))
    if (call.type === 'look') await this.#lookAt(Date.now() + DEBOUNCE_MS)
    const state = await this.#known()
    const ms = expectedColdStart(state, readSettings(this.#env).COLD_START_SECONDS * 1000)
    return Response.json({ cold_start_seconds: ms / 1000, starting: state.start !== null })
  }

  async alarm(): Promise<void> {
    const now = Date.now()
    try {
      const settings = readSettings(this.#env)
      const adapter = openAdapter(this.#env, settings, systemTools)
      if (!adapter) return
      const demand = await readDemand(openDb(this.#env.DB), settings, now)
      const before = await this.#known()
      const { state, action } = decide(before, demand, { now, coldStartMs: settings.COLD_START_SECONDS * 1000 })
      if (action) {
        console.log(JSON.stringify({ level: 'info', event: `runners.${action.type}`, ...action, ...demand }))
        count('wakes', { action: action.type })
        if (action.type === 'start') await adapter.start(action.count, demand)
        else await adapter.stop(demand)
      }
      await this.#keep(state)
      if (demand.queued + demand.running > 0 || state.started) await this.#lookAt(now + LOOK_AGAIN_MS)
    } catch (error) {
      // What was not started is asked for again.
      count('wake_failures')
      logError('runners.wake', error)
      await this.#lookAt(now + LOOK_AGAIN_MS)
    }
  }

  async #known(): Promise<WakeState> {
    return (await this.#state.storage.get<WakeState>('state')) ?? atRest
  }

  async #keep(state: WakeState): Promise<void> {
    await this.#state.storage.put('state', state)
  }

  async #lookAt(at: number): Promise<void> {
    const set = await this.#state.storage.getAlarm()
    if (set === null || set > at) await this.#state.storage.setAlarm(at)
  }
}

type Wakers = Pick<Bindings, 'WAKER' | 'WAKE'>

const ask = (env: Wakers, call: Call) => postTo(env.WAKER, 'all', call)

let saidAt = Number.NEGATIVE_INFINITY

/** Stories may be waiting for runners that are not there. Does not throw: upkeep says it again in a minute. */
export async function wantRunners(env: Wakers, now: number): Promise<void> {
  if (env.WAKE === undefined || Math.abs(now - saidAt) < SAY_MS) return
  saidAt = now
  await ask(env, { type: 'look' }).catch((error) => logError('runners.wake', error))
}

/** A runner has started. */
export async function noteRunner(env: Wakers): Promise<void> {
  if (env.WAKE === undefined) return
  await ask(env, { type: 'arrived' }).catch((error) => logError('runners.wake', error))
}

const Starting = z.object({ cold_start_seconds: z.number(), starting: z.boolean() })

export async function startOutlook(env: Wakers): Promise<z.infer<typeof Starting> | undefined> {
  return env.WAKE === undefined ? undefined : Starting.parse(await (await ask(env, { type: 'ask' })).json())
}
