/** What a long queue costs: the same requests with few stories waiting and with very many. */
import { type Latency, latency, round } from './load.ts'
import { createRunner, type Lease } from './runner.ts'
import { type Bench, fillQueue, METRICS_TOKEN, MODEL, rowsIn } from './setup.ts'

const ROUTES = ['claim', 'healthz', 'metrics', 'getStory'] as const
type Route = (typeof ROUTES)[number]

interface BacklogPoint extends Record<Route, Latency> {
  queued: number
}

/** @param sizes ascending: the queue is filled up to each in turn. */
export async function backlogCosts(bench: Bench, sizes: number[], samples: number) {
  const points: BacklogPoint[] = []
  for (const size of sizes) {
    const { DB } = bench.bindings
    await fillQueue(DB, bench.apiKeys, size - (await rowsIn(DB)))
    points.push({ queued: size, ...(await costs(bench, samples)) })
  }
  const [short, long] = [points.at(0), points.at(-1)]
  const ratios = ROUTES.map((route) => [route, round((long?.[route].p50Ms ?? 0) / (short?.[route].p50Ms ?? 0))])
  return { keys: bench.apiKeys.length, points, ratioOfMedians: Object.fromEntries(ratios) }
}

async function costs({ url, apiKeys, bindings }: Bench, samples: number): Promise<Record<Route, Latency>> {
  const runner = createRunner(url, MODEL)
  const [own] = apiKeys
  const any = bindings.DB.prepare('SELECT id FROM stories WHERE api_key_id = ? LIMIT 1').bind(own?.id)
  const id = await any.first<string>('id')
  const read = (path: string, token?: string) => async () => {
    const response = await fetch(url + path, { headers: token ? { authorization: `Bearer ${token}` } : {} })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path}: ${response.status} ${text}`)
  }
  // Handed back outside of the time, so that the queue stays as long as it is.
  const claim = () => runner.claim()
  const handBack = (leases: Lease[]) => Promise.all(leases.map(runner.release))
  return {
    claim: await latency(samples, claim, handBack),
    healthz: await latency(samples, read('/healthz')),
    metrics: await latency(samples, read('/metrics', METRICS_TOKEN)),
    getStory: await latency(samples, read(`/stories/${id}`, own?.key)),
  }
}
