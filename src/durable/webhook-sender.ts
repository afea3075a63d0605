/**
 * The Durable Object that sends the webhooks of one lane: one API key, one host. Its alarm is what retries a message
 * seconds or hours later; the outbox is in D1 alone, so an object that is lost loses nothing, and cron wakes it.
 */
import type { DurableObjectState } from '@cloudflare/workers-types'
import { type Db, openDb } from '../db/client.ts'
import type { DeliveryRow } from '../db/schema/webhooks.ts'
import { type Lane, nextDue, takeDue } from '../db/webhooks/deliveries.ts'
import { type Bindings, readSettings, systemTools } from '../platform/env.ts'
import { logError } from '../platform/log.ts'
import { deliver, HOLD_MS } from './delivery.ts'
import { count, flushSometimes, observe } from './meter.ts'

/** Messages of one lane that are sent at the same time: of different stories, since one story's go one by one. */
const AT_ONCE = 8
/** An alarm may take 15 minutes; a lane that is busier than that goes on in the next one. */
const LONGEST_ALARM_MS = 10 * 60_000
/** Before the database is asked again after it failed. */
const DATABASE_PAUSE_MS = 5_000

export class WebhookSender {
  readonly #state: DurableObjectState
  readonly #env: Bindings
  readonly #db: Db
  /** What the alarm under way has to wait for. */
  readonly #underWay = new Set<Promise<unknown>>()
  #sending = 0
  /** The alarm under way takes no more messages after this moment; undefined when there is none. */
  #takesUntil: number | undefined

  constructor(state: DurableObjectState, env: Bindings) {
    this.#state = state
    this.#env = env
    this.#db = openDb(env.DB)
  }

  /** `POST /` with a `Lane`: something of it may be due. Answers at once; the sending is left to the alarm. */
  async fetch(request: Request): Promise<Response> {
    const lane = (await request.json()) as Lane
    await this.#state.storage.put('lane', lane)
    // An alarm does not fire while another is being handled. That one takes the new message itself.
    if (this.#takesUntil !== undefined) this.#track(this.#takeMore(lane))
    else await this.#state.storage.setAlarm(Date.now())
    return new Response(null, { status: 202 })
  }

  async alarm(): Promise<void> {
    this.#takesUntil = Date.now() + LONGEST_ALARM_MS
    try {
      const lane = await this.#state.storage.get<Lane>('lane')
      if (!lane) return
      this.#track(this.#takeMore(lane))
      let next: number | undefined
      do {
        while (this.#underWay.size > 0) await Promise.race(this.#underWay)
        next = await nextDue(this.#db, lane)
      } while (this.#underWay.size > 0)
      if (next !== undefined) await this.#state.storage.setAlarm(next)
    } catch (error) {
      logError('webhooks.database', error)
      await this.#state.storage.setAlarm(Date.now() + DATABASE_PAUSE_MS)
    } finally {
      this.#takesUntil = undefined
    }
  }

  /** Begin to send due messages, up to `AT_ONCE`. Each one that is done makes room for the next. */
  async #takeMore(lane: Lane): Promise<void> {
    const limit = AT_ONCE - this.#sending
    const now = Date.now()
    if (limit <= 0 || now >= (this.#takesUntil ?? 0)) return
    this.#sending += limit
    const due = await takeDue(this.#db, lane, { now, holdMs: HOLD_MS, limit }).finally(() => (this.#sending -= limit))
    this.#sending += due.length
    for (const delivery of due) this.#track(this.#send(delivery, lane))
  }

  async #send(delivery: DeliveryRow, lane: Lane): Promise<void> {
    try {
      const { delivered, status, ms } = await deliver(this.#db, delivery, readSettings(this.#env), systemTools)
      count('webhook_attempts', { outcome: delivered ? 'delivered' : status === null ? 'no_answer' : 'refused' })
      observe('webhook_attempt', {}, ms / 1000)
      this.#track(flushSometimes(this.#env, Date.now()))
    } catch (error) {
      // Its hold ends, and it is tried again.
      logError('webhooks.lost', error, { delivery: delivery.id })
    } finally {
      this.#sending--
    }
    this.#track(this.#takeMore(lane))
  }

  #track(work: Promise<unknown>): void {
    this.#underWay.add(work)
    work.catch((error) => logError('webhooks.database', error)).finally(() => this.#underWay.delete(work))
  }
}
