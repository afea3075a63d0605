/** What each route asks of D1: counted by a wrapper of its binding, on a second request, as keys are known then. */
import { join } from 'node:path'
import { Story } from '../../contract/story-view.ts'
import { pngOf } from '../../local/chaos/png.ts'
import { D1Use } from './counted.ts'
import { createRunner, type Lease } from './runner.ts'
import { METRICS_TOKEN, MODEL, RUNNER_TOKEN, startBench, story } from './setup.ts'

export async function queriesPerRequest(): Promise<Record<string, D1Use>> {
  const bench = await startBench({ entry: join(import.meta.dirname, 'counted.ts') })
  try {
    return await count(bench.url, bench.apiKey.key)
  } finally {
    await bench.dispose()
  }
}

async function count(url: string, apiKey: string): Promise<Record<string, D1Use>> {
  const uses: Record<string, D1Use> = {}
  let route = ''
  let requests = 0
  /** `fetch`, whose use of D1 is that of `route`. */
  const counted: typeof fetch = async (input, init) => {
    const headers = new Headers(init?.headers)
    const name = `request-${++requests}`
    headers.set('x-bench-id', name)
    const response = await fetch(input, { ...init, headers })
    const body = await response.arrayBuffer()
    if (!response.ok) throw new Error(`${route}: ${response.status} ${new TextDecoder().decode(body)}`)
    uses[route] = D1Use.parse(await (await fetch(`${url}/bench/${name}`)).json())
    return new Response(response.status === 204 ? null : body, response)
  }
  const runner = createRunner(url, MODEL, counted)
  const app = async (name: string, path: string, method = 'GET', body?: object, more = {}) => {
    route = name
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...more }
    return (await counted(url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) })).text()
  }
  const post = async (name: string, more = {}) =>
    Story.parse(JSON.parse(await app(name, '/stories', 'POST', story, more))).id
  const named = <T>(name: string, act: () => Promise<T>) => {
    route = name
    return act()
  }
  const take = async (name: string, max: number) => named(name, () => runner.claim(max))
  const put = ({ id, lease_token }: Lease, path: string, name: string) => {
    const headers = {
      authorization: `Bearer ${RUNNER_TOKEN}`,
      'x-lease-token': lease_token,
      'x-frame-seed': '1',
      'content-type': 'image/png',
    }
    return named(name, () =>
      counted(`${url}/runner/stories/${id}/${path}`, { method: 'PUT', headers, body: pngOf(0x336699) }),
    )
  }

  await post('POST /stories')
  await post('POST /stories')
  await post('POST /stories, with Idempotency-Key', { 'idempotency-key': 'one' })
  await post('POST /stories, repeated', { 'idempotency-key': 'one' })
  const id = await post('POST /stories')
  await app('GET /stories/{id}', `/stories/${id}`)
  await app('GET /stories', '/stories')
  await app('POST /stories/{id}/cancel', `/stories/${id}/cancel`, 'POST')
  const [single, ...others] = [
    ...(await take('POST /runner/claim', 1)),
    ...(await take('POST /runner/claim, of several', 2)),
  ]
  if (!single || others.length !== 2) throw new Error('there were not the stories that were posted')
  for (const lease of [single, ...others]) {
    await named('POST /runner/webhooks, story.started', () => runner.report(lease, 1, 'story.started'))
    for (const index of story.frames.keys())
      await put(lease, `frames/${index}`, 'PUT /runner/stories/{id}/frames/{index}')
  }
  const progress = { stage: 'sampling', step: 1, steps: 2, fraction: 0.5 }
  await named('POST /runner/webhooks, story.progress', () => runner.report(single, 2, 'story.progress', { progress }))
  await named('POST /runner/stories/{id}/heartbeat', () => runner.heartbeat(single))
  await put(single, 'storyboard', 'PUT /runner/stories/{id}/storyboard')
  await named('POST /runner/webhooks, story.completed', () => runner.report(single, 3, 'story.completed'))
  await named('POST /runner/complete, of several', () => runner.completeAll(others))
  await take('POST /runner/claim, nothing ready', 1)
  route = 'GET /healthz'
  await counted(`${url}/healthz`)
  route = 'GET /metrics'
  await counted(`${url}/metrics`, { headers: { authorization: `Bearer ${METRICS_TOKEN}` } })
  return uses
}
