import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ConsistencyReport } from '../../../contract/consistency.ts'
import type { Problem } from '../../../contract/problem.ts'
import type { Claim } from '../../../contract/runner.ts'
import { smallBank } from '../../../test/bank.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { url, key, app, wrong, post, read, claim, held, report, call, bindings } = await testEdge()
const fox = { id: 'fox', name: 'Fern', description: 'a red fox' }
const story = { characters: [fox], frames: [{ prompt: 'Fern waves' }, { prompt: 'Fern sleeps' }] }
const said = (score: number): ConsistencyReport => ({
  ...{ score, copy_paste: null, pose_diversity: 0.5, background_diversity: 0.25, warnings: ['so'] },
  frames: [0, 1].map((index) => ({
    ...{ index, score, redraws: index },
    characters: [{ id: 'fox', score, to_references: null, area: 0.2 }],
  })),
})
const say = (lease: Claim, body: unknown) =>
  call<Problem & { score: number }>('PUT', `/runner/stories/${lease.id}/consistency`, {
    headers: {
      ...{ authorization: 'Bearer a-token-of-the-tests', 'x-lease-token': lease.lease_token },
      'content-type': 'application/json',
    },
    body: JSON.stringify(body),
  })

test('a report and its page: kept once, in the story, behind a signed link, gone when the story goes on or is erased', async () => {
  const { id } = await post({ ...story, consistency: { min_score: 0.8, max_redraws: 1 } })
  const lease = (await claim())!
  assert.deepEqual(lease.story.consistency, { min_score: 0.8, max_redraws: 1 })
  await report(lease, 1, 'story.started')
  await call('PUT', `/runner/stories/${id}/bank`, {
    headers: { authorization: 'Bearer a-token-of-the-tests', 'x-lease-token': lease.lease_token },
    body: smallBank([fox]),
  })
  assert.equal((await read(id)).consistency, null)
  assert.equal((await wrong('GET', `/stories/${id}/consistency.png`)).type, '/problems/not-found')
  assert.deepEqual([(await say(lease, said(0.75))).status, (await say(lease, said(0.1))).status], [200, 200])
  assert.deepEqual((await read(id)).consistency, { ...said(0.75), overlay_url: null })
  const png = await plainPng(3)
  assert.equal((await held(lease, 'PUT', 'consistency.png', png)).status, 200)
  assert.equal((await held(lease, 'PUT', 'consistency.png', await plainPng(4))).status, 200)
  for (const index of [0, 1]) await held(lease, 'PUT', `frames/${index}`, await plainPng(index))
  assert.equal((await report(lease, 2, 'story.completed')).body.status, 'succeeded')
  const link = (await read(id)).consistency!.overlay_url!
  const picture = await fetch(link)
  assert.equal(Buffer.compare(await picture.bytes(), png), 0)
  assert.equal((await fetch(link.replace(/sig=.{4}/, 'sig=AAAA'))).status, 401)

  const more = await fetch(`${url}/stories/${id}/frames`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ frames: [{ prompt: 'Fern dances' }] }),
  })
  assert.equal(more.status, 202)
  assert.equal((await read(id)).consistency, null)
  const next = (await claim())!
  assert.equal((await say(lease, said(0.5))).body.type, '/problems/stale-lease')
  assert.equal((await held<Problem>(lease, 'PUT', 'consistency.png', png)).body.type, '/problems/stale-lease')
  assert.equal((await say(next, said(0.9))).status, 200)
  await held(next, 'PUT', 'consistency.png', png)
  await held(next, 'PUT', 'frames/2', await plainPng(9))
  await report(next, 1, 'story.completed')
  assert.equal((await read(id)).consistency?.score, 0.9)
  assert.equal((await app('DELETE', `/stories/${id}`)).status, 204)
  assert.equal((await read(id)).consistency, null)
  assert.equal((await bindings.IMAGES.list({ prefix: `stories/${id}/` })).objects.length, 0)
})

test('what is no report is refused where it is wrong', async () => {
  const { id } = await post(story)
  const lease = (await claim())!
  assert.equal(lease.id, id)
  const beyond = { ...said(0.5), frames: [{ ...said(0.5).frames[0]!, index: 2 }] }
  for (const [body, pointer] of [
    [{ ...said(0.5), score: 2 }, '/score'],
    [beyond, '/frames/0/index'],
    [{ ...said(0.5), more: 1 }, '/more'],
  ] as const) {
    const answer = await say(lease, body)
    assert.deepEqual([answer.status, answer.body.errors?.[0]?.pointer], [422, pointer])
  }
  const refused = await app<Problem>('POST', '/stories', { ...story, consistency: { min_score: 2 } })
  assert.deepEqual([refused.status, refused.body.errors?.[0]?.pointer], [422, '/consistency/min_score'])
  await held(lease, 'POST', 'release')
})
