/**
 * The Durable Object whose container is a runner, on Cloudflare Containers (the environment `containers` of `wrangler.toml`).
 * The runner ends by itself when there are no stories, and its container with it.
 */
import type { Container, DurableObjectState } from '@cloudflare/workers-types'
import { type Bindings, readSettings } from '../platform/env.ts'
import { logError } from '../platform/log.ts'

const IDLE_EXIT_SECONDS = '60'

export class RunnerContainer {
  readonly #container: Container | undefined
  readonly #state: DurableObjectState
  readonly #env: Bindings

  constructor(state: DurableObjectState, env: Bindings) {
    this.#state = state
    this.#container = state.container
    this.#env = env
  }

  /** `POST` starts it: 201, or 200 when it runs already. `DELETE` asks it to stop: 204. */
  async fetch(request: Request): Promise<Response> {
    const container = this.#container
    if (!container) return new Response('this object has no container', { status: 500 })
    if (request.method === 'DELETE') {
      if (container.running) container.signal(15)
      return new Response(null, { status: 204 })
    }
    if (container.running) return new Response(null, { status: 200 })
    const { RUNNER_TOKEN, RUNNER_WEBHOOK_SECRET, PUBLIC_URL } = readSettings(this.#env)
    if (PUBLIC_URL === undefined) return new Response('PUBLIC_URL is not set', { status: 500 })
    container.start({
      enableInternet: true,
      env: {
        FABLEFRAME_EDGE_URL: PUBLIC_URL,
        FABLEFRAME_RUNNER: `container-${this.#state.id.name ?? this.#state.id}`,
        FABLEFRAME_IDLE_EXIT: IDLE_EXIT_SECONDS,
        RUNNER_TOKEN: RUNNER_TOKEN[0],
        RUNNER_WEBHOOK_SECRET: RUNNER_WEBHOOK_SECRET[0],
      },
    })
    container.monitor().catch((error) => logError('container', error))
    return new Response(null, { status: 201 })
  }
}
