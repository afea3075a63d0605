/** The edge and one runner on this machine, wired to each other: what `npm start` and `npm run demo` begin with. */
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { hugePages } from '../gpu-runner/src/engine/runtime/huge-pages.ts'
import { type Edge, type EdgeOptions, startEdge } from './edge.ts'
import { growingDelay, supervise } from './supervise.ts'
import { wakeRunners } from './wake.ts'

export interface ServersOptions {
  /** 0 for any free port. */
  port: number
  /** Holds the database and the pictures, and survives. */
  dataDir: string
  apiKey: string
  /** More settings of the runner, such as FABLEFRAME_MODEL. */
  runnerEnv?: Record<string, string>
  /** Runners are there only while there are stories. */
  wake?: boolean
  /** More settings of the edge, such as LEASE_SECONDS. */
  edgeEnv?: Record<string, string>
  /** Exchanges the tokens of sign-in links, see `sign-in.ts`. */
  signIn?: EdgeOptions['signIn']
  /** Log lines of the runner, one JSON object each. */
  onRunnerLine: (line: string) => void
  /** The runner ended by itself, and is started again in `retryInMs`; with `wake`, when there are stories. */
  onRunnerExit: (how: string, retryInMs: number | undefined) => void
  /** The edge ended by itself, and is started again in `retryInMs` on the same port. */
  onEdgeExit: (how: string, retryInMs: number) => void
  onEdgeReturn: (url: string) => void
  /** It could not be started again: nothing works any more. */
  onEdgeLost: (error: Error) => void
}

/** Resolves with the edge's URL and the way to stop both, after which SIGINT and SIGTERM are the caller's to handle. */
export async function startServers(options: ServersOptions): Promise<{ url: string; stop(): Promise<void> }> {
  // Prompts, pictures and keys are for nobody else on a shared machine to read.
  process.umask(0o077)
  // Known to these two alone, so fresh ones at every start do; unless more runners are to know them.
  const secrets = {
    RUNNER_TOKEN: options.edgeEnv?.RUNNER_TOKEN ?? randomBytes(24).toString('hex'),
    RUNNER_WEBHOOK_SECRET: options.edgeEnv?.RUNNER_WEBHOOK_SECRET ?? `whsec_${randomBytes(32).toString('base64')}`,
  }
  const { port, dataDir, apiKey, signIn } = options
  const script = new URL('../gpu-runner/src/main.ts', import.meta.url)
  const onEnd = (how: string) => options.onRunnerExit(how, undefined)
  const wake = options.wake ? await wakeRunners(script, { onLine: options.onRunnerLine, onExit: onEnd }) : undefined
  const env = { ALLOW_INSECURE_WEBHOOKS: '1', ...wake?.edgeEnv, ...options.edgeEnv, ...secrets }
  const edge = await keepEdge({ port, dataDir, apiKey, env, ...(signIn && { signIn }) }, options)
  const { url } = edge
  const runnerEnv = { ...hugePages, ...firstOf(secrets), FABLEFRAME_EDGE_URL: url, ...options.runnerEnv }
  wake?.serve(runnerEnv)
  const runner =
    wake ?? supervise(script, { env: runnerEnv, onLine: options.onRunnerLine, onExit: options.onRunnerExit })
  return {
    url,
    async stop() {
      // The runner first: it hands its story back to an edge that is still there.
      await runner.stop()
      await edge.stop()
    },
  }
}

/** The edge may know several of each, with commas between them; a runner has one. */
const firstOf = (secrets: Record<string, string>) =>
  Object.fromEntries(Object.entries(secrets).map(([name, list]) => [name, list.split(',')[0]?.trim() ?? '']))

/** An edge that is started again on its port whenever its workerd ends, until it is stopped. */
async function keepEdge(
  options: EdgeOptions,
  { onEdgeExit, onEdgeReturn, onEdgeLost }: ServersOptions,
): Promise<{ url: string; stop(): Promise<void> }> {
  let edge = await startEdgeOnly(options)
  const { url } = edge
  const stopping = new AbortController()
  const stopped = new Promise<undefined>((resolve) => {
    stopping.signal.addEventListener('abort', () => resolve(undefined))
  })
  const kept = keep().catch(onEdgeLost)
  return {
    url,
    async stop() {
      stopping.abort()
      await kept
      await edge.dispose()
    },
  }

  async function keep(): Promise<void> {
    const delayAfter = growingDelay()
    for (;;) {
      const started = performance.now()
      const how = await Promise.race([edge.ended, stopped])
      if (how === undefined) return
      const retryInMs = delayAfter(performance.now() - started)
      onEdgeExit(how, retryInMs)
      await edge.dispose()
      await sleep(retryInMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      edge = await startEdgeOnly({ ...options, port: Number(new URL(url).port) })
      onEdgeReturn(url)
    }
  }
}

/** Without miniflare's handlers of signals, which exit at once, before the runner has handed its story back. */
async function startEdgeOnly(options: EdgeOptions): Promise<Edge> {
  const signals = ['SIGINT', 'SIGTERM'] as const
  const before = new Set(signals.flatMap((signal) => process.listeners(signal)))
  const edge = await startEdge(options)
  for (const signal of signals)
    for (const listener of process.listeners(signal)) if (!before.has(listener)) process.off(signal, listener)
  return edge
}
