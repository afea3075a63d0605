/**
 * Counters for `/metrics`. An isolate counts in memory and hands its counts to the one Durable Object that adds them up,
 * every few seconds at most; what an isolate has not handed over when it ends is lost, which metrics can bear.
 */
import type { DurableObjectState } from '@cloudflare/workers-types'
import { z } from 'zod'
import type { Bindings } from '../platform/env.ts'
import { postTo } from './call.ts'

const FLUSH_MS = 2_000
/** Upper bounds of the histograms, in seconds. */
const BUCKETS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

/** By series, such as `fableframe_claims_total{model="story-mini"}`. */
const counts = new Map<string, number>()
/** Observed since the counts were handed over: names are spelt out only then. */
const histograms = new Map<string, Histogram>()
let flushedAt = 0

type Labels = Record<string, string | number>

interface Histogram {
  name: string
  labels: Labels
  /** How many were at most as long as each bound. */
  buckets: number[]
  sum: number
  count: number
}

/** Add to the counter `fableframe_<name>_total`. Labels must come from a small set: no ids, no URLs. */
export function count(name: string, labels: Labels = {}, by = 1): void {
  add(series(`fableframe_${name}_total`, labels), by)
}

/** Note a duration in the histogram `fableframe_<name>_seconds`. */
export function observe(name: string, labels: Labels, seconds: number): void {
  const key = series(name, labels)
  const histogram = histograms.get(key) ?? { name, labels, buckets: BUCKETS.map(() => 0), sum: 0, count: 0 }
  histograms.set(key, histogram)
  for (let i = 0; i < BUCKETS.length; i++)
    if (seconds <= (BUCKETS[i] ?? 0)) histogram.buckets[i] = (histogram.buckets[i] ?? 0) + 1
  histogram.sum += seconds
  histogram.count++
}

/** Moves what was observed into the counts. */
function countObserved(): void {
  for (const { name, labels, buckets, sum, count } of histograms.values()) {
    const metric = `fableframe_${name}_seconds`
    for (const [i, bound] of BUCKETS.entries())
      add(series(`${metric}_bucket`, { ...labels, le: bound }), buckets[i] ?? 0)
    add(series(`${metric}_bucket`, { ...labels, le: '+Inf' }), count)
    add(series(`${metric}_sum`, labels), sum)
    add(series(`${metric}_count`, labels), count)
  }
  histograms.clear()
}

const add = (name: string, by: number) => counts.set(name, (counts.get(name) ?? 0) + by)

/** The text format's spelling of a series, which is also its key. */
export function series(metric: string, labels: Labels): string {
  const escaped = (value: string | number) =>
    String(value).replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value)}"`)
  return pairs.length > 0 ? `${metric}{${pairs.join(',')}}` : metric
}

/** Hand the counts over, unless that was done a moment ago. */
export async function flushSometimes(env: Pick<Bindings, 'METER'>, now: number): Promise<void> {
  if (now - flushedAt >= FLUSH_MS) await flush(env, now)
}

/** Hand the counts over; answers the sums of all isolates. */
export async function flush(env: Pick<Bindings, 'METER'>, now: number): Promise<Record<string, number>> {
  flushedAt = now
  countObserved()
  const counted = Object.fromEntries(counts)
  counts.clear()
  return Counts.parse(await (await postTo(env.METER, 'all', counted)).json())
}

const Counts = z.record(z.string(), z.number())

/** The Durable Object that adds up. There is one. */
export class Meter {
  readonly #state: DurableObjectState

  constructor(state: DurableObjectState) {
    this.#state = state
  }

  /** `POST /` with counts by series: adds them, and answers the sums. */
  async fetch(request: Request): Promise<Response> {
    const added = Object.entries(Counts.parse(await request.json()))
    // Storage operations that follow one another without any other waiting are one transaction.
    const sums = (await this.#state.storage.get<Record<string, number>>('sums')) ?? {}
    for (const [name, by] of added) sums[name] = (sums[name] ?? 0) + by
    if (added.length > 0) await this.#state.storage.put('sums', sums)
    return Response.json(sums)
  }
}
