/**
 * The Worker with a D1 and an R2 that fail on demand: by the setting `FAULTS`, or by `PUT /faults`, both a list
 * of `Fault` as JSON. `GET /faults` answers `Calls`.
 */
import type { DurableObjectState, ExecutionContext, ScheduledController } from '@cloudflare/workers-types'
import worker, { Agenda, ClaimRoom, Meter, StoryRoom, Waker, WebhookSender } from '../../src/index.ts'
import type { Bindings } from '../../src/platform/env.ts'
import { watchD1, watchR2 } from './watch.ts'

export interface Fault {
  store: 'd1' | 'r2'
  /** It fails though nothing is done, or though all is; or it takes `ms`. */
  kind: 'before' | 'after' | 'slow'
  /** Only what is asked in such words (a regular expression): SQL, or a method of R2 and a key. */
  asked?: string
  /** How often such a call fails: 1 for always. */
  share?: number
  /** How many fail, at most. */
  times?: number
  ms?: number
}

export interface Calls {
  /** Statements of D1, and calls to R2, of the last run of cron. */
  d1: number
  r2: number
  /** Objects that are still to be deleted. */
  deletions: number
}

type Env = Bindings & { FAULTS?: string }

let faults: Fault[] | undefined
let lastRun = { d1: 0, r2: 0 }

export { Agenda, ClaimRoom, Meter, StoryRoom, Waker }

export class FaultySender extends WebhookSender {
  constructor(state: DurableObjectState, env: Env) {
    super(state, faulty(env))
  }
}
export { FaultySender as WebhookSender }

export default {
  async fetch(request: Request, env: Env, ctx: ExecutionContext): Promise<Response> {
    if (new URL(request.url).pathname !== '/faults') return worker.fetch(request, faulty(env), ctx)
    if (request.method === 'PUT') faults = (await request.json()) as Fault[]
    const open = await env.DB.prepare('SELECT count(*) AS n FROM object_deletions WHERE due_at IS NOT NULL').first<{
      n: number
    }>()
    return Response.json({ ...lastRun, deletions: open?.n ?? 0 } satisfies Calls)
  },
  async scheduled(controller: ScheduledController, env: Env, ctx: ExecutionContext): Promise<void> {
    const calls = { d1: 0, r2: 0 }
    const done: Promise<unknown>[] = []
    const watched = Object.assign(Object.create(ctx), { waitUntil: (work: Promise<unknown>) => done.push(work) })
    worker.scheduled(controller, faulty(env, calls), watched)
    await Promise.all(done)
    lastRun = calls
    if (calls.d1 + calls.r2 > MOST_CALLS) console.error(JSON.stringify({ event: 'upkeep.calls', ...calls }))
  },
}

/** Of D1 and R2 together, in one run. */
const MOST_CALLS = 1000

const known = new WeakMap<object, Bindings>()

/** The bindings of a request; always the same, because what is prepared of a database is kept by its binding. */
function faulty(env: Env, calls?: typeof lastRun): Bindings {
  faults ??= JSON.parse(env.FAULTS ?? '[]') as Fault[]
  const before = calls ? undefined : known.get(env.DB)
  const wrapped = before ?? {
    ...env,
    DB: watchD1(env.DB, (asked, run) => call('d1', asked, run, calls)),
    IMAGES: watchR2(env.IMAGES, (asked, run) => call('r2', asked, run, calls)),
  }
  if (!calls) known.set(env.DB, wrapped)
  return wrapped
}

async function call(store: Fault['store'], asked: string[], run: () => Promise<unknown>, calls?: typeof lastRun) {
  if (calls) calls[store] += store === 'd1' ? asked.length : 1
  const fault = faults?.find((fault) => fault.store === store && isHit(fault, asked))
  if (!fault) return run()
  if (fault.times !== undefined) fault.times--
  if (fault.kind === 'before') throw failure(store)
  if (fault.kind === 'slow') await new Promise((resolve) => setTimeout(resolve, fault.ms ?? 1000))
  const result = await run()
  if (fault.kind === 'after') throw failure(store)
  return result
}

const isHit = ({ asked: words = '', share = 1, times = 1 }: Fault, asked: string[]) =>
  times > 0 && asked.some((one) => new RegExp(words).test(one)) && Math.random() < share

const failure = (store: Fault['store']) =>
  new Error(store === 'd1' ? 'D1_ERROR: Network connection lost.' : 'put: We encountered an internal error. (10001)')
