/** The edge and one runner on this machine, wired to each other: what `npm start` and `npm run demo` begin with. */
import { randomBytes } from 'node:crypto'
import { hugePages } from '../gpu-runner/src/engine/runtime/huge-pages.ts'
import { startEdge } from './edge.ts'
import { supervise } from './supervise.ts'

export interface ServersOptions {
  /** 0 for any free port. */
  port: number
  /** Holds the database and the pictures, and survives. */
  dataDir: string
  apiKey: string
  /** More settings of the runner, such as FABLEFRAME_MODEL. */
  runnerEnv?: Record<string, string>
  /** More settings of the edge, such as LEASE_SECONDS. */
  edgeEnv?: Record<string, string>
  /** Log lines of the runner, one JSON object each. */
  onRunnerLine: (line: string) => void
  onRunnerExit: (how: string, retryInMs: number) => void
}

/** Resolves with the edge's URL and the way to stop both, after which SIGINT and SIGTERM are the caller's to handle. */
export async function startServers(options: ServersOptions): Promise<{ url: string; stop(): Promise<void> }> {
  // Known to these two alone, so fresh ones at every start do.
  const shared = {
    RUNNER_TOKEN: randomBytes(24).toString('hex'),
    RUNNER_WEBHOOK_SECRET: `whsec_${randomBytes(32).toString('base64')}`,
  }
  const { port, dataDir, apiKey } = options
  const edge = await startEdge({
    port,
    dataDir,
    apiKey,
    env: { ...shared, ALLOW_INSECURE_WEBHOOKS: '1', ...options.edgeEnv },
  })
  // Miniflare's handlers exit at once, before the runner has handed its story back.
  for (const signal of ['SIGINT', 'SIGTERM']) process.removeAllListeners(signal)
  const { url } = edge
  const runner = supervise(new URL('../gpu-runner/src/main.ts', import.meta.url), {
    env: { ...hugePages, ...shared, FABLEFRAME_EDGE_URL: url, FABLEFRAME_CLAIM_WAIT: '1', ...options.runnerEnv },
    onLine: options.onRunnerLine,
    onExit: options.onRunnerExit,
  })
  return {
    url,
    async stop() {
      // The runner first: it hands its story back to an edge that is still there.
      await runner.stop()
      await edge.dispose()
    },
  }
}
