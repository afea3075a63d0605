/** Runners on this machine that are there only while there are stories: the edge's webhook starts them, and they end by themselves. */
import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { Webhook } from 'standardwebhooks'
import { DemandWebhook } from '../contract/demand.ts'
import { startChild } from './supervise.ts'

/** Of a runner that is told nothing else. */
const IDLE_EXIT_SECONDS = '60'
/** How long a runner may take to stop before it is killed. */
const STOP_MS = 15_000

export interface Wake {
  /** Settings of the edge, so that it tells us. */
  edgeEnv: Record<string, string>
  /** From now on runners are started with these settings. */
  serve(runnerEnv: Record<string, string>): void
  stop(): Promise<void>
}

export interface WakeOptions {
  onLine: (line: string) => void
  /** A runner ended, well or not. */
  onExit: (how: string) => void
}

export async function wakeRunners(script: URL, { onLine, onExit }: WakeOptions): Promise<Wake> {
  const secret = `whsec_${randomBytes(32).toString('base64')}`
  const webhook = new Webhook(secret)
  const running = new Set<ChildProcess>()
  let env: Record<string, string> | undefined
  let isStopping = false
  const server = createServer(async (request, response) => {
    try {
      const { data } = DemandWebhook.parse(
        webhook.verify(await text(request), request.headers as Record<string, string>),
      )
      // A runner that has not announced itself yet is no news to the edge, but to us.
      while (env && !isStopping && running.size < Math.min(data.wanted, data.runners + data.start)) start(env)
      response.writeHead(204).end()
    } catch {
      response.writeHead(400).end()
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    edgeEnv: { WAKE: 'webhook', WAKE_URL: `http://127.0.0.1:${port}`, WAKE_SECRET: secret, COLD_START_SECONDS: '20' },
    serve(runnerEnv) {
      env = runnerEnv
    },
    async stop() {
      isStopping = true
      server.close()
      await Promise.all(Array.from(running, end))
    },
  }

  function start(env: Record<string, string>): void {
    const child = startChild(script, {
      env: { FABLEFRAME_IDLE_EXIT: process.env.FABLEFRAME_IDLE_EXIT ?? IDLE_EXIT_SECONDS, ...env },
      onLine,
    })
    running.add(child)
    child.once('close', (code, signal) => {
      running.delete(child)
      onExit(signal ? `killed by ${signal}` : `exit code ${code}`)
    })
  }

  async function end(child: ChildProcess): Promise<void> {
    const closed = once(child, 'close')
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS)
    await closed
    clearTimeout(kill)
  }
}
