/** `GET /stories` by time of creation. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { StoryInput } from '../../../contract/story.ts'
import type { StoryList } from '../../../contract/story-view.ts'
import { testEdge } from '../../../test/worker.ts'

const { app, post, wrong, bindings } = await testEdge()

test('from created_after on, up to just before created_before, over all pages', async () => {
  const ids: string[] = []
  for (let hour = 0; hour < 6; hour++) {
    const { id } = await post({ frames: [{ prompt: 'one' }] })
    const createdAt = Date.UTC(2026, 0, 1, hour)
    await bindings.DB.prepare('UPDATE stories SET created_at = ? WHERE id = ?').bind(createdAt, id).run()
    ids.unshift(id)
  }
  /** All ids and how many pages it took. */
  async function list(span: Record<string, string>): Promise<[string[], number]> {
    const found: string[] = []
    let pages = 0
    let next: string | null = `/stories?${new URLSearchParams({ limit: '2', ...span })}`
    for (; next; pages++) {
      const { body }: { body: StoryList } = await app<StoryList>('GET', next)
      found.push(...body.results.map(({ id }) => id))
      next = body.next
    }
    return [found, pages]
  }
  const two = '2026-01-01T02:00:00Z'
  const five = '2026-01-01T05:00:00.000Z'
  assert.deepEqual(await list({}), [ids, 3])
  assert.deepEqual(await list({ created_after: two }), [ids.slice(0, 4), 2])
  assert.deepEqual(await list({ created_before: two }), [ids.slice(4), 1])
  assert.deepEqual(await list({ created_after: two, created_before: five }), [ids.slice(1, 4), 2])
  assert.deepEqual(await list({ created_after: '2026-01-01T04:00:00+02:00' }), [ids.slice(0, 4), 2])
  assert.deepEqual(await list({ created_after: five, created_before: two }), [[], 1])
})

test('a time that is none is refused with its name', async () => {
  for (const name of ['created_after', 'created_before'])
    for (const time of ['yesterday', '2026-11-23', '2026-11-23T17:00:00', '']) {
      const problem = await wrong('GET', `/stories?${name}=${time}`)
      assert.deepEqual([problem.status, problem.errors?.[0]?.pointer], [422, `?${name}`], time)
    }
})

test('of one status, and with the metadata that is asked for, over all pages', async () => {
  const made: string[] = []
  const all: StoryInput['metadata'][] = [
    { order: 7, shop: 'a b' },
    { order: '7', paid: true },
    { order: 8 },
    { order: 7, note: null },
  ]
  for (const metadata of all) made.unshift((await post({ frames: [{ prompt: 'one' }], metadata })).id)
  const [noted, eighth, paid, first] = made
  await app('POST', `/stories/${eighth}/cancel`)
  const list = async (query: string) => (await app<StoryList>('GET', `/stories?${query}`)).body
  const ids = async (query: string) => (await list(query)).results.map(({ id }) => id)
  assert.deepEqual(await ids('metadata.order=7'), [noted, paid, first])
  assert.deepEqual(await ids('metadata.order=7&metadata.shop=a%20b'), [first])
  assert.deepEqual(await ids('metadata.paid=true'), [paid])
  assert.deepEqual(await ids('metadata.note=null'), [noted])
  assert.deepEqual(await ids('metadata.order=9'), [])
  assert.deepEqual(await ids('status=canceled'), [eighth])
  const page = await list('metadata.order=7&status=queued&limit=2')
  assert.deepEqual(
    page.results.map(({ id }) => id),
    [noted, paid],
  )
  const rest = (await app<StoryList>('GET', page.next!)).body
  assert.deepEqual([rest.results.map(({ id }) => id), rest.next], [[first], null])
})

test('parameters that are unknown or no such value are refused with what would be right', async () => {
  for (const [path, pointer, message] of [
    ['/stories?metadata=7', '?metadata', /unknown parameter; .*status and metadata\.<name> are known/],
    ['/stories?status=done', '?status', /queued/],
    ['/stories?limit=abc', '?limit', /^a number from 1 to 50$/],
    ['/stories?limit=1.5', '?limit', /whole number/],
    ['/usage?day=3', '?day', /unknown parameter; days is known/],
    ['/models?all=1', '?all', /unknown parameter; none are known/],
  ] as const) {
    const { status, errors } = await wrong('GET', path)
    assert.deepEqual([status, errors?.[0]?.pointer], [422, pointer], path)
    assert.match(errors?.[0]?.message ?? '', message)
  }
  assert.equal((await app('GET', '/v1/predictions?sort=new')).status, 200, 'foreign clients send more than we know')
})
