import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { EventSource } from 'eventsource'
import type { Problem } from '../../../contract/problem.ts'
import { Story } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'
import { openDb } from '../../db/client.ts'
import { follow } from './follow.ts'

const { url, key, app, call, wrong, post, otherKey, claim, held, report, bindings } = await testEdge()
const authorization = `Bearer ${key}`
const frames = [{ prompt: 'one' }, { prompt: 'two' }]
const progress = { stage: 'sampling', step: 1, steps: 4, fraction: 0.25 }
const png = await plainPng(1)

/** The text of a stream up to its end. */
const whole = async (path: string, headers: Record<string, string> = {}) => {
  const response = await fetch(new URL(path, url), { headers })
  return { status: response.status, text: await response.text() }
}

/** What an independent client of the standard makes of a stream; `next` waits for one event. */
function listen(link: string) {
  const events: { id: string; story: Story }[] = []
  const waiting: (() => void)[] = []
  const source = new EventSource(link)
  source.addEventListener('story', ({ lastEventId, data }) => {
    events.push({ id: lastEventId, story: Story.parse(JSON.parse(data)) })
    for (const wake of waiting.splice(0)) wake()
  })
  let read = 0
  async function next() {
    while (events.length <= read) await new Promise<void>((resolve) => waiting.push(resolve))
    return events[read++]!.story
  }
  return { source, events, next }
}

test('EventSource follows the link of a story to its end, without a key, and does not come back', async () => {
  const { id, urls } = await post({ frames })
  const { source, events, next } = listen(urls.events)
  assert.equal((await next()).status, 'queued')
  const lease = (await claim())!
  assert.equal(lease.id, id)
  assert.equal((await next()).status, 'running')
  for (const index of [0, 1]) {
    await held(lease, 'PUT', `frames/${index}`, png)
    assert.equal((await next()).frames[index]?.status, 'succeeded')
  }
  await report(lease, 1, 'story.progress', { progress })
  assert.deepEqual((await next()).progress, progress)
  await report(lease, 2, 'story.completed')
  const last = await next()
  assert.equal(last.status, 'succeeded')
  assert.deepEqual(last, (await app('GET', `/stories/${id}`)).body)
  assert.deepEqual(
    events.map((event) => Number(event.id)),
    events.map((event) => event.story.version),
  )
  // The stream has ended; the client comes back with the last id, and is answered 204, which ends it.
  while (source.readyState !== EventSource.CLOSED) await pause(50)
  assert.equal(events.length, 6)
})

test('a client that comes back with Last-Event-ID gets what it missed, and nothing else', async () => {
  const { id, urls } = await post({ frames })
  await app('POST', `/stories/${id}/cancel`)
  const { version } = (await app('GET', `/stories/${id}`)).body
  const path = new URL(urls.events).pathname
  const from = (lastEventId: string) => whole(path, { authorization, 'last-event-id': lastEventId })
  for (const known of ['0', '1', String(version - 1), String(version + 1), '-1', 'x'.repeat(5000)]) {
    const { status, text } = await from(known)
    assert.equal(status, 200)
    assert.equal(text.match(/^event: story$/gm)?.length, 1, known.slice(0, 9))
    assert.match(text, new RegExp(`^id: ${version}$`, 'm'))
  }
  assert.deepEqual(await from(String(version)), { status: 204, text: '' })
})

test('a link opens the events of its story only, until it expires; other links and keys are refused', async () => {
  const [one, two] = await Promise.all([post({ frames }), post({ frames })])
  const link = new URL(one.urls.events)
  const other = new URL(two.urls.events)
  const refused = async (path: string, reason: RegExp) => {
    const { status, body } = await call<Problem>('GET', path)
    assert.deepEqual([status, body.type], [401, '/problems/unauthorized'])
    assert.match(body.detail, reason)
  }
  await refused(other.pathname + link.search, /signature/)
  await refused(`${link.pathname}?exp=1&sig=${link.searchParams.get('sig')}`, /signature/)
  await refused(`${link.pathname}?sig=x`, /exp/)
  await refused(link.pathname, /Authorization is missing/)
  await refused(`/stories/${one.id}${link.search}`, /Authorization is missing/)
  assert.equal((await wrong('GET', link.pathname, undefined, await otherKey())).status, 404)
  for (const { id } of [one, two]) await app('POST', `/stories/${id}/cancel`)
})

test('a stream that is quiet says that it is still there, and misses nothing', async () => {
  const { id } = await post({ frames })
  const db = openDb(bindings.DB)
  const seen: (number | undefined)[] = []
  for await (const change of follow(bindings, id, { db, reader: undefined, after: 0, quietMs: 50 })) {
    seen.push(change?.story.version)
    if (seen.length === 3) await app('POST', `/stories/${id}/cancel`)
  }
  assert.deepEqual(seen.slice(0, 3), [1, undefined, undefined])
  assert.equal(seen.at(-1), 2)
  assert.deepEqual(await Array.fromAsync(follow(bindings, 'none', { db, reader: undefined, after: 0 })), [])
})

test('a change that nobody announced is seen after a quiet spell', async () => {
  const { id } = await post({ frames })
  const stream = follow(bindings, id, { db: openDb(bindings.DB), reader: undefined, after: 1, quietMs: 50 })
  assert.equal((await stream.next()).value, undefined)
  await bindings.DB.prepare("UPDATE stories SET version = 2, status = 'canceled', claimable_at = NULL WHERE id = ?")
    .bind(id)
    .run()
  let next = await stream.next()
  while (!next.done && !next.value) next = await stream.next()
  assert.equal(next.value?.story.status, 'canceled')
})

test('a hundred clients that follow one story all hear of its end', async () => {
  const { id, urls } = await post({ frames })
  const streams = Array.from({ length: 100 }, async () => (await fetch(urls.events)).text())
  await pause(300)
  await app('POST', `/stories/${id}/cancel`)
  for (const text of await Promise.all(streams)) assert.match(text, /"status":"canceled"/)
})

test('long poll: an answer comes with the next version, or with the end, or after the wait', async () => {
  const { id, version } = await post({ frames })
  const poll = (query: string) => app('GET', `/stories/${id}?${query}`)
  assert.equal((await poll(`wait=0.2&since_version=${version}`)).body.version, version)
  assert.equal((await poll('wait=55&since_version=0')).body.version, version)
  const [newer, ended] = [poll(`wait=55&since_version=${version}`), poll('wait=55')]
  await pause(200)
  const lease = (await claim())!
  assert.equal((await newer).body.status, 'running')
  await app('POST', `/stories/${id}/cancel`)
  await report(lease, 1, 'story.canceled')
  assert.equal((await ended).body.status, 'canceled')
  assert.equal((await poll('wait=55&since_version=999')).body.status, 'canceled')
  for (const query of ['wait=56', 'wait=-1', 'wait=x', 'since_version=1.5'])
    assert.equal((await wrong('GET', `/stories/${id}?${query}`)).errors?.[0]?.pointer, `?${query.split('=')[0]}`)
})

test('an unchanged story is not sent again', async () => {
  const { id } = await post({ frames })
  const get = (tag: string) => call('GET', `/stories/${id}`, { headers: { authorization, 'if-none-match': tag } })
  const first = await get('"none"')
  const tag = first.headers.get('etag')!
  assert.equal(first.headers.get('cache-control'), 'private, no-cache')
  for (const known of [tag, `W/${tag}`, `"other", ${tag}`]) {
    const { status, body } = await get(known)
    assert.deepEqual([status, body], [304, ''])
  }
  await app('POST', `/stories/${id}/cancel`)
  const changed = await get(tag)
  assert.equal(changed.status, 200)
  assert.notEqual(changed.headers.get('etag'), tag)
  assert.equal((await wrong('GET', '/stories/none')).status, 404)
})
