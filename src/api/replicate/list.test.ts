import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Prediction } from '../../../contract/prediction.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, wrong } = await testEdge()
type List = { next: string | null; results: Prediction[] }
const list = async (query: Record<string, string> = {}) =>
  (await app<List>('GET', `/v1/predictions?${new URLSearchParams(query)}`)).body

test('lists by time of creation: from created_after on, up to just before created_before, over all pages', async () => {
  const body = { version: 'fableframe/story-mini', input: { prompt: 'a fox' } }
  for (let i = 0; i < 53; i++) await app('POST', '/v1/predictions', body)
  const first = await list()
  const { results: oldest } = (await app<List>('GET', first.next!)).body
  const all = [...first.results, ...oldest]
  assert.equal(all.length, 53)
  const timesOf = (predictions: Prediction[]) => predictions.map(({ created_at }) => created_at)
  const middle = all[26]!.created_at
  const { results: later } = await list({ created_after: middle })
  assert.deepEqual(
    timesOf(later),
    timesOf(all).filter((time) => time >= middle),
  )
  const { results: earlier } = await list({ created_before: middle })
  assert.deepEqual(
    timesOf(earlier),
    timesOf(all).filter((time) => time < middle),
  )

  // The next page keeps to the span: all but the newest are more than a page.
  const newest = all[0]!.created_at
  const page = await list({ created_before: newest, created_after: '2020-01-01T01:00:00+01:00' })
  const rest = (await app<List>('GET', page.next!)).body
  assert.deepEqual(
    timesOf([...page.results, ...rest.results]),
    timesOf(all).filter((time) => time < newest),
  )
  assert.equal(new URL(page.next!).searchParams.get('created_before'), newest)
  assert.deepEqual((await list({ created_after: '2999-01-01T00:00:00Z' })).results, [])
})

test('a time that is none is refused with its name', async () => {
  for (const time of ['yesterday', '2026-11-23', '2026-11-23T17:00:00', '']) {
    const problem = await wrong('GET', `/v1/predictions?created_after=${time}`)
    assert.deepEqual([problem.status, problem.errors?.[0]?.pointer], [422, '?created_after'], time)
  }
})
