/** From a runner's report to the app that follows the story: `POST /runner/webhooks` to the event of the SSE stream. */
import { performance } from 'node:perf_hooks'
import { EventSource } from 'eventsource'
import { Story } from '../../contract/story-view.ts'
import { type Latency, latencyOf } from './load.ts'
import { createRunner } from './runner.ts'
import { type Bench, MODEL, story } from './setup.ts'

/** `samples` progress reports, one after the other: from before the request until its event has come. */
export async function eventLatency({ url, apiKey }: Bench, samples: number): Promise<Latency> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${apiKey.key}` }
  const body = JSON.stringify({ ...story, priority: 'high' })
  const posted = Story.parse(await (await fetch(`${url}/stories`, { method: 'POST', headers, body })).json())
  const runner = createRunner(url, MODEL)
  const [lease] = await runner.claim()
  if (lease?.id !== posted.id) throw new Error('the queue was not empty')
  const source = new EventSource(posted.urls.events)
  try {
    const arrivals = new Map<number, (at: number) => void>()
    source.addEventListener('story', ({ data }) => {
      const step = Story.parse(JSON.parse(data)).progress?.step
      if (step !== undefined) arrivals.get(step)?.(performance.now())
    })
    const times: number[] = []
    // The first one waits for the stream to open as well.
    for (let step = 1; step <= samples + 1; step++) {
      const arrival = new Promise<number>((resolve) => arrivals.set(step, resolve))
      const started = performance.now()
      const progress = { stage: 'sampling', step, steps: samples + 1, fraction: step / (samples + 1) }
      await runner.report(lease, step, 'story.progress', { progress })
      const took = (await arrival) - started
      if (step > 1) times.push(took)
    }
    await runner.report(lease, samples + 2, 'story.failed', { error: ENOUGH, retryable: false })
    return latencyOf(times)
  } finally {
    source.close()
  }
}

const ENOUGH = { code: 'internal', message: 'the benchmark has measured enough' }
