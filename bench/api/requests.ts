/** POST and GET of a story, compared with the bare insert: rounds of each in turn, in one workerd. */
import { load, middle, percentile, round, type Throughput } from './load.ts'
import { type Bench, rowsIn, story } from './setup.ts'

const CONNECTIONS = 16

export async function requestRates(bench: Bench, seconds: number, rounds: number) {
  const json = { 'content-type': 'application/json' }
  const headers = { ...json, authorization: `Bearer ${bench.apiKey.key}` }
  const body = JSON.stringify(story)
  const posted = await fetch(`${bench.url}/stories`, { method: 'POST', headers, body })
  const self = posted.headers.get('location')
  if (!self) throw new Error(`POST /stories answers ${posted.status}: ${await posted.text()}`)
  const common = { connections: CONNECTIONS, seconds }
  const post = { ...common, method: 'POST', body, expect: 202 } as const
  const runs: Record<'bareInsert' | 'postStory' | 'getStory', Throughput[]> = {
    bareInsert: [],
    postStory: [],
    getStory: [],
  }
  for (let i = 0; i <= rounds; i++) {
    runs.bareInsert.push(await load({ ...post, url: `${bench.bareUrl}/stories`, headers: json }))
    runs.postStory.push(await load({ ...post, url: `${bench.url}/stories`, headers }))
    runs.getStory.push(await load({ ...common, url: self, headers, expect: 200 }))
  }
  const answered = runs.postStory.reduce((sum, run) => sum + run.requests, 1)
  // The first round warms up.
  for (const arm of Object.values(runs)) arm.shift()
  const ratios = runs.postStory.map((run, i) => run.requestsPerSecond / (runs.bareInsert[i]?.requestsPerSecond ?? 0))
  return {
    connections: CONNECTIONS,
    bareInsert: middle(runs.bareInsert),
    postStory: middle(runs.postStory),
    /** Requests a second of POST /stories, as a part of those of the bare insert in the same round: the middle one. */
    postOfBare: round(percentile(ratios, 0.5)),
    getStory: middle(runs.getStory),
    /** Answered, the warming up included, and found in D1 afterwards: those cut off at the end of a round may be there too. */
    stories: { answered, stored: await rowsIn(bench.bindings.DB) },
  }
}
