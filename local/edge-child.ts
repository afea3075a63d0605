/** An edge as a process of its own, to be killed outright: what is in memory is gone, what was answered has to be there. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

export interface EdgeChild {
  url: string
  /** SIGKILL; resolves when it is dead. */
  kill: () => Promise<void>
}

/** How often it may fail to start, as it does on a machine that stands still for a while. */
const STARTS = 5
const script = fileURLToPath(new URL('./edge-process.ts', import.meta.url))

/**
 * Start it, again when it fails, as its supervisor would. `port` is 0 for any; `settings` are those of the
 * Worker. What it logs goes to `log`, or where our own goes.
 */
export async function startEdgeChild(
  port: string,
  dataDir: string,
  settings: Record<string, string>,
  log?: (text: string) => void,
): Promise<EdgeChild> {
  for (let starts = 1; ; starts++) {
    const child = spawn(process.execPath, [script, port, dataDir, JSON.stringify(settings)], {
      stdio: ['ignore', 'pipe', log ? 'pipe' : 'inherit'],
    })
    if (log) child.stderr?.setEncoding('utf8').on('data', log)
    const exit = once(child, 'exit')
    const kill = async () => {
      child.kill('SIGKILL')
      await exit
    }
    const { stdout } = child
    if (!stdout) throw new Error('the edge has no output')
    const line = await Promise.race([once(stdout, 'data').then(([data]) => String(data).trim()), exit])
    if (typeof line === 'string') return { url: line, kill }
    if (starts === STARTS) throw new Error(`the edge exited with code ${line[0]}, ${starts} times`)
    await sleep(1000)
  }
}
