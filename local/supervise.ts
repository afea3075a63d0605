/** Keeps one child process running: started again whenever it ends, until it is stopped. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'

export interface SuperviseOptions {
  env: Record<string, string | undefined>
  /** Lines that the child writes to stderr. */
  onLine: (line: string) => void
  /** The child ended by itself, and is started again in `retryInMs`. */
  onExit?: (how: string, retryInMs: number) => void
  delayMs?: { first: number; longest: number }
  /** How long the child may take to stop before it is killed. */
  stopMs?: number
}

/** What lived this long was well: the delay before its next start is the first one again. */
const WELL_MS = 60_000
const usualDelays = { first: 500, longest: 30_000 }

/** How long to wait before the next start of what lived `livedMs`; longer each time, unless it was well in between. */
export function growingDelay({ first, longest } = usualDelays): (livedMs: number) => number {
  let inARow = 0
  return (livedMs) => {
    if (livedMs > WELL_MS) inARow = 0
    return Math.min(longest, first * 2 ** inARow++)
  }
}

/** A child that sees the channel close when this process is gone, even if it was killed. */
export function startChild(script: URL, { env, onLine }: Pick<SuperviseOptions, 'env' | 'onLine'>): ChildProcess {
  const started = fork(script, { env: { ...process.env, ...env }, stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  let rest = ''
  started.stderr?.setEncoding('utf8').on('data', (text: string) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) onLine(line)
  })
  return started
}

export function supervise(
  script: URL,
  { env, onLine, onExit = () => {}, delayMs = usualDelays, stopMs = 15_000 }: SuperviseOptions,
): { stop(): Promise<void>; child(): ChildProcess } {
  const stopping = new AbortController()
  const start = () => startChild(script, { env, onLine })
  let child = start()
  const kept = keep()
  return { stop, child: () => child }

  async function keep(): Promise<void> {
    const delayAfter = growingDelay(delayMs)
    for (;;) {
      const started = performance.now()
      const [code, signal] = await once(child, 'close')
      if (stopping.signal.aborted) return
      const retryInMs = delayAfter(performance.now() - started)
      onExit(signal ? `killed by ${signal}` : `exit code ${code}`, retryInMs)
      await sleep(retryInMs, undefined, { signal: stopping.signal }).catch(() => {})
      if (stopping.signal.aborted) return
      child = start()
    }
  }

  async function stop(): Promise<void> {
    stopping.abort()
    child.kill('SIGTERM')
    const kill = setTimeout(() => child.kill('SIGKILL'), stopMs)
    await kept
    clearTimeout(kill)
  }
}
