/** Load, and what is made of its figures. */
import { performance } from 'node:perf_hooks'
import autocannon from 'autocannon'

export interface Throughput {
  requestsPerSecond: number
  p50Ms: number
  p99Ms: number
  requests: number
}

/** The same request over `connections` for `seconds`; throws when one is not answered as it should be. */
export async function load(
  options: autocannon.Options & { expect: number; seconds: number; connections: number },
): Promise<Throughput> {
  const { expect, seconds, ...request } = options
  const result = await autocannon({ ...request, duration: seconds })
  const answered = Object.entries(result.statusCodeStats ?? {})
  const wrong = answered.filter(([status]) => Number(status) !== expect)
  if (result.errors > 0 || wrong.length > 0)
    throw new Error(`${options.url}: ${result.errors} errors, ${JSON.stringify(result.statusCodeStats)}`)
  const requests = result.requests.total
  return {
    requestsPerSecond: round(requests / result.duration),
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    requests,
  }
}

/** The middle one of several runs, measure by measure. */
export function middle(runs: Throughput[]): Throughput {
  const of = (pick: (run: Throughput) => number) => percentile(runs.map(pick), 0.5)
  return {
    requestsPerSecond: of((run) => run.requestsPerSecond),
    p50Ms: of((run) => run.p50Ms),
    p99Ms: of((run) => run.p99Ms),
    requests: runs.reduce((sum, run) => sum + run.requests, 0),
  }
}

export interface Latency {
  p50Ms: number
  p99Ms: number
  samples: number
}

/** How long `act` takes, one after the other; `after` each comes what is not counted. The first tenth warms up. */
export async function latency<T>(
  samples: number,
  act: () => Promise<T>,
  after?: (result: T) => Promise<unknown>,
): Promise<Latency> {
  const times: number[] = []
  for (let i = -samples / 10; i < samples; i++) {
    const started = performance.now()
    const result = await act()
    if (i >= 0) times.push(performance.now() - started)
    await after?.(result)
  }
  return latencyOf(times)
}

export const latencyOf = (times: number[]): Latency => ({
  p50Ms: round(percentile(times, 0.5)),
  p99Ms: round(percentile(times, 0.99)),
  samples: times.length,
})

/** The nearest rank; NaN of nothing. */
export function percentile(values: number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

/** To three digits: more would say more than was measured. */
export const round = (value: number) => Number(value.toPrecision(3))
