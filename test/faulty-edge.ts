/** The edge of `testEdge` with stores that fail on command, and its log. */
import { fileURLToPath } from 'node:url'
import type { Calls, Fault } from '../local/faulty/worker.ts'
import { testEdge } from './worker.ts'

const entry = fileURLToPath(new URL('../local/faulty/worker.ts', import.meta.url))

export async function testFaultyEdge() {
  const lines: string[] = []
  const edge = await testEdge({}, { entry, log: (line) => lines.push(line) })

  async function fail(...faults: Fault[]): Promise<void> {
    await fetch(new URL('/faults', edge.url), { method: 'PUT', body: JSON.stringify(faults) })
  }
  /** What the last run of cron asked of D1 and R2. */
  const lastRun = async () => (await (await fetch(new URL('/faults', edge.url))).json()) as Calls

  return { ...edge, fail, lastRun, log: () => lines.join('') }
}
