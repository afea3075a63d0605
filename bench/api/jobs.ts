/** Jobs a second through the queue: claimed and completed, one by one and in batches. */
import { performance } from 'node:perf_hooks'
import { MAX_CLAIMS } from '../../contract/runner.ts'
import { round } from './load.ts'
import { createRunner } from './runner.ts'
import { type Bench, fillQueue } from './setup.ts'

/** Runners at the same time. */
const RUNNERS = { single: 16, batched: 4 }

export interface JobRate {
  jobsPerSecond: number
  claimed: number
  completed: number
}

/** @param jobs of each kind; the frames of all are there already, so that nothing but the queue is measured. */
export async function jobRates(bench: Bench, jobs: { single: number; batched: number }) {
  const { url, apiKeys, bindings } = bench
  await fillQueue(bindings.DB, apiKeys, jobs.single, { finished: true, model: 'bench-single' })
  await fillQueue(bindings.DB, apiKeys, jobs.batched, { finished: true, model: 'bench-batched' })
  const single = createRunner(url, 'bench-single')
  const batched = createRunner(url, 'bench-batched')
  return {
    single: await drain(RUNNERS.single, async () => {
      const [lease] = await single.claim()
      if (!lease) return undefined
      await single.report(lease, 1, 'story.completed')
      return { claimed: 1, completed: 1 }
    }),
    batched: await drain(RUNNERS.batched, async () => {
      const leases = await batched.claim(MAX_CLAIMS)
      return leases.length === 0 ? undefined : { claimed: leases.length, completed: await batched.completeAll(leases) }
    }),
    batchSize: MAX_CLAIMS,
    runners: RUNNERS,
  }
}

/** `turn` after turn by several runners, until there is nothing left. */
async function drain(
  runners: number,
  turn: () => Promise<{ claimed: number; completed: number } | undefined>,
): Promise<JobRate> {
  let [claimed, completed] = [0, 0]
  const started = performance.now()
  const run = async () => {
    for (let done = await turn(); done; done = await turn()) {
      claimed += done.claimed
      completed += done.completed
    }
  }
  await Promise.all(Array.from({ length: runners }, run))
  const seconds = (performance.now() - started) / 1000
  return { jobsPerSecond: round(completed / seconds), claimed, completed }
}
