/**
 * What a day costs on which nobody posts a story, counted in virtual time: the edge and a runner's loop in this process, the
 * Durable Objects beside them, and a real D1. `npm run bench:idle`.
 */

import { mock } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import type { D1Database, DurableObjectNamespace, DurableObjectState } from '@cloudflare/workers-types'
import { command } from '../gpu-runner/src/cli/command.ts'
import { serve } from '../gpu-runner/src/service/queue/client.ts'
import { connectEdge } from '../gpu-runner/src/service/queue/edge.ts'
import { watchD1 } from '../local/faulty/watch.ts'
import { migrate } from '../local/migrate.ts'
import { Miniflare } from '../local/miniflare.ts'
import { createApp } from '../src/api/app.ts'
import { Agenda } from '../src/durable/agenda.ts'
import { ClaimRoom } from '../src/durable/claim-room.ts'
import { Meter } from '../src/durable/meter.ts'
import { StoryRoom } from '../src/durable/story-room.ts'
import { WebhookSender } from '../src/durable/webhook-sender.ts'
import type { Bindings } from '../src/platform/env.ts'
import { everyMinute } from '../src/upkeep/every-minute.ts'
import { drawingAbilities } from '../test/drawing-model.ts'

const SECOND = 1000
const MINUTE = 60 * SECOND
/** Timers go off late by as much. */
const TICK = 5 * SECOND
/** Before the counting begins: what a start makes upkeep do is over. */
const WARM_UP_MINUTES = 20
/** Turns of the event loop in which bodies are read and promises settle. */
const TURNS = 10
const RUNNER_TOKEN = 'a-token-of-the-bench'
const RUNNER_WEBHOOK_SECRET = `whsec_${btoa('the secret of the runners in benches')}`

export interface IdleDay {
  /** Requests that reach the Worker, and statements that D1 is asked. */
  requests: number
  queries: number
  /** Runs of the cron trigger, and requests to Durable Objects. */
  cron: number
  objects: number
}

/** Count `hours` of an edge that nobody posts to, with `runners` that wait for stories. */
export async function idleDay(runners: number, hours = 24): Promise<IdleDay> {
  const miniflare = new Miniflare({ modules: true, script: 'export default {}', d1Databases: ['DB'] })
  const { DB } = await miniflare.getBindings<{ DB: D1Database }>()
  await migrate(DB)
  const counts: IdleDay = { requests: 0, queries: 0, cron: 0, objects: 0 }
  const stop = new AbortController()
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'], now: Date.UTC(2026, 0, 1) })
  try {
    /** Requests that are being worked on, rather than waiting in a room. */
    let underWay = 0
    const watched = watchD1(DB, async (asked, run) => {
      counts.queries += asked.length
      return run()
    })
    const waiting = async <T>(room: Promise<T>): Promise<T> => {
      underWay--
      return room.finally(() => underWay++)
    }
    const objects = (make: (state: DurableObjectState) => { fetch(request: Request): Promise<Response> }) =>
      namespace(make, () => counts.objects++)
    const env = {
      RUNNER_TOKEN,
      RUNNER_WEBHOOK_SECRET,
      URL_SECRET: 'a secret of the bench that signs its links',
      DB: watched,
      METER: objects((state) => new Meter(state)),
      ROOMS: objects(() => new StoryRoom()),
      CLAIMS: objects(() => {
        const room = new ClaimRoom()
        return { fetch: (request) => waiting(room.fetch(request)) }
      }),
      AGENDA: objects((state) => new Agenda(state)),
      SENDERS: objects((state) => new WebhookSender(state, env)),
    } as unknown as Bindings
    const app = createApp()
    const ctx = { waitUntil: () => {}, passThroughOnException: () => {}, props: {} }
    const started = Date.now()
    const generator = {
      open: async () => ({ name: 'story-mini', abilities: drawingAbilities }),
      generate: () => {
        throw new Error('there are no stories')
      },
      pages: () => {
        throw new Error('there are no stories')
      },
    }
    const serving = Array.from({ length: runners }, (_, i) => {
      const edge = connectEdge({
        url: 'http://localhost',
        token: RUNNER_TOKEN,
        secret: RUNNER_WEBHOOK_SECRET,
        fetch: async (input, init) => {
          counts.requests++
          underWay++
          return Promise.resolve(app.fetch(new Request(input, init), env, ctx)).finally(() => underWay--)
        },
      })
      const clock = () => Date.now() - started
      return serve(edge, generator, { signal: stop.signal, log: () => {}, runner: `runner-${i}`, clock })
    })
    await pass(WARM_UP_MINUTES)
    Object.assign(counts, { requests: 0, queries: 0, cron: 0, objects: 0 })
    await pass(hours * 60)
    const counted = { ...counts }
    stop.abort()
    await settle()
    await Promise.all(serving)
    return counted

    async function pass(minutes: number): Promise<void> {
      for (let minute = 0; minute < minutes; minute++) {
        counts.cron++
        await everyMinute(env)
        for (let passed = 0; passed < MINUTE; passed += TICK) await settle()
      }
    }

    /** Let a tick go by, and everything happen that happens in it. */
    async function settle(): Promise<void> {
      mock.timers.tick(TICK)
      for (let quiet = 0; quiet < TURNS; quiet++) {
        await setImmediate()
        if (underWay > 0) quiet = 0
      }
    }
  } finally {
    mock.timers.reset()
    await miniflare.dispose()
  }
}

/** Durable Objects in this process. */
function namespace(
  make: (state: DurableObjectState) => { fetch(request: Request): Promise<Response> },
  onRequest: () => void,
): DurableObjectNamespace {
  const made = new Map<string, ReturnType<typeof make>>()
  const get = (name: string) => ({
    fetch: (url: string, init?: RequestInit) => {
      onRequest()
      const object = made.get(name) ?? make({ storage: memory() } as unknown as DurableObjectState)
      made.set(name, object)
      return object.fetch(new Request(url, init))
    },
  })
  return { idFromName: (name: string) => name, get } as unknown as DurableObjectNamespace
}

/** As much of a Durable Object's storage as the objects here use. */
function memory() {
  const kept = new Map<string, unknown>()
  return {
    get: async (name: string | string[]) =>
      Array.isArray(name)
        ? new Map(name.filter((one) => kept.has(one)).map((one) => [one, kept.get(one)]))
        : kept.get(name),
    put: async (name: string, value: unknown) => void kept.set(name, value),
  }
}

if (import.meta.main) {
  const cli = command('bench:idle', 'usage: npm run bench:idle -- [--hours 24]')
  const { values } = cli.read({ hours: { type: 'string', default: '24' } })
  const hours = cli.whole('hours', values.hours, 1)
  for (const runners of [0, 1, 10]) {
    const { requests, queries, cron, objects } = await idleDay(runners, hours)
    console.log(
      `${runners} runners, ${hours} h: ${requests} requests, ${queries} D1 queries, ${cron} cron runs, ${objects} requests to Durable Objects`,
    )
  }
}
