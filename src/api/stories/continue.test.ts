/** Stories that go on: banks, more frames, frames drawn again. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readBankHeader } from '../../../contract/bank.ts'
import type { Problem } from '../../../contract/problem.ts'
import type { Claim } from '../../../contract/runner.ts'
import type { Story, StoryWebhook } from '../../../contract/story-view.ts'
import { smallBank } from '../../../test/bank.ts'
import { plainPng } from '../../../test/png.ts'
import { testReceiver } from '../../../test/receiver.ts'
import { startRunner } from '../../../test/runner.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge({ MODELS: 'story-mini,drawn' })
const { url, app, wrong, post, read, claim, held, report, otherKey, call, key, bindings, runCron } = edge
const fox = { id: 'fox', name: 'Fern', description: 'a red fox' }
const owl = { id: 'owl', name: 'Ola', description: 'a white owl' }
const story = { characters: [fox], frames: [{ prompt: 'Fern waves' }, { prompt: 'Fern sleeps' }] }
const bank = smallBank([fox])
const putBank = (lease: Claim, bytes: Uint8Array<ArrayBuffer>) =>
  call<Problem & { sha256: string }>('PUT', `/runner/stories/${lease.id}/bank`, {
    headers: { authorization: 'Bearer a-token-of-the-tests', 'x-lease-token': lease.lease_token },
    body: bytes,
  })
const reference = ({ id, lease_token }: Claim, hash: string) =>
  fetch(`${url}/runner/stories/${id}/references/${hash}`, {
    headers: { authorization: 'Bearer a-token-of-the-tests', 'x-lease-token': lease_token },
  })
let shade = 0
/** Draw what is missing of the story that is next. */
async function draw(made: Uint8Array<ArrayBuffer> | null = bank): Promise<Claim> {
  const lease = (await claim())!
  await report(lease, 1, 'story.started')
  if (made) assert.equal((await putBank(lease, made)).status, 200)
  for (const index of lease.story.frames.keys())
    if (!lease.finished_frames.includes(index)) await held(lease, 'PUT', `frames/${index}`, await plainPng(++shade))
  await held(lease, 'PUT', 'storyboard', await plainPng(++shade))
  assert.equal((await report(lease, 2, 'story.completed')).body.status, 'succeeded')
  return lease
}
const generated = async (more: object = {}) => {
  const { id } = await post({ ...story, ...more })
  await draw()
  return read(id)
}
const again = (path: string, body: unknown, idempotencyKey: string) =>
  call<Story & Omit<Problem, 'status'>>('POST', path, {
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
  })

test('a story has its bank once it is sampled; whose it is may download it, and it goes with the story', async () => {
  const { id } = await post(story)
  assert.equal((await read(id)).bank, null)
  assert.equal((await wrong('GET', `/stories/${id}/bank.safetensors`)).type, '/problems/not-found')
  await draw()
  const { bank: shown } = await read(id)
  assert.deepEqual([shown?.id, shown?.bytes, shown?.characters], [id, bank.length, ['fox']])
  const headers = { authorization: `Bearer ${key}` }
  const file = await fetch(shown!.url, { headers })
  assert.ok(Buffer.from(await file.arrayBuffer()).equals(bank))
  const etag = { ...headers, 'if-none-match': file.headers.get('etag')! }
  assert.equal((await fetch(shown!.url, { headers: etag })).status, 304)
  const weak = { ...headers, 'if-none-match': `"other", W/${file.headers.get('etag')}` }
  assert.equal((await fetch(shown!.url, { headers: weak })).status, 304)
  const bare = shown!.url.replace(/\?.*/, '')
  assert.equal((await fetch(shown!.url)).status, 200, 'the link needs no key')
  assert.equal((await fetch(bare)).status, 401)
  assert.equal((await wrong('GET', bare, undefined, await otherKey())).type, '/problems/not-found')
  await app('DELETE', `/stories/${id}`)
  assert.equal((await wrong('GET', shown!.url)).type, '/problems/not-found')
  assert.deepEqual((await bindings.IMAGES.list({ prefix: `stories/${id}/` })).objects, [])
  assert.equal((await wrong('POST', `/stories/${id}/frames`, { frames: story.frames })).type, '/problems/no-bank')
})

test('what a runner hands over has to be a bank, and the lease has to be good', async () => {
  await post(story)
  const lease = (await claim())!
  const refused = await putBank(lease, new TextEncoder().encode('no bank'))
  assert.deepEqual([refused.status, refused.body.type], [422, '/problems/validation'])
  assert.equal((await putBank({ ...lease, lease_token: 'x'.repeat(32) }, bank)).body.type, '/problems/stale-lease')
  await report(lease, 1, 'story.failed', { error: { code: 'invalid_story', message: 'no' }, retryable: false })
  const none = await wrong('POST', `/stories/${lease.id}/frames`, { frames: story.frames })
  assert.deepEqual([none.status, none.type], [409, '/problems/no-bank'])
})

test('more frames: the story goes on under its id, with its bank, and its webhook hears of both ends', async () => {
  const receiver = await testReceiver(() => ({ status: 200 }))
  const references = ['data:image/png;base64,iVBORw0KGgo=']
  const first = await generated({
    characters: [{ ...fox, references }],
    webhook: `${receiver.url}/ends`,
    webhook_events_filter: ['completed'],
  })
  const added = await app('POST', first.urls.frames, { frames: [{ prompt: 'Fern sings', characters: ['fox'] }] })
  assert.deepEqual([added.status, added.headers.get('location')], [202, first.urls.self])
  assert.deepEqual(added.body, { ...(await read(first.id)), queue: null })
  assert.deepEqual(
    [added.body.status, added.body.frames.map(({ status }) => status), added.body.urls.storyboard],
    ['queued', ['succeeded', 'succeeded', 'pending'], null],
  )
  const busy = await wrong('POST', first.urls.frames, { frames: story.frames })
  assert.deepEqual([busy.status, busy.type], [409, '/problems/not-ended'])
  const lease = (await claim())!
  assert.deepEqual([lease.id, lease.finished_frames, lease.attempt], [first.id, [0, 1], 2])
  const { characters, bank: named } = lease.story
  assert.deepEqual([characters, named], [[fox], `sha256:${first.bank!.sha256}`])
  const file = await reference(lease, first.bank!.sha256)
  assert.ok(Buffer.from(await file.arrayBuffer()).equals(bank))
  // This run meets somebody new, and its machine fails: the next one still finds the bank that the story went on from.
  await report(lease, 1, 'story.started')
  await putBank(lease, smallBank([fox, owl]))
  await report(lease, 2, 'story.failed', { error: { code: 'runner_failed', message: 'no memory' }, retryable: true })
  await bindings.DB.prepare('UPDATE stories SET ready = 1, claimable_at = 1 WHERE id = ?').bind(first.id).run()
  const retried = await draw(smallBank([fox, owl]))
  assert.equal(retried.story.bank, named)
  const done = await read(first.id)
  assert.deepEqual([done.status, done.frames.length, done.bank?.characters], ['succeeded', 3, ['fox', 'owl']])
  assert.deepEqual(done.frames.slice(0, 2), first.frames)
  await runCron()
  const ends = (await receiver.requests('/ends', 2)).map(({ body }) => JSON.parse(body) as StoryWebhook)
  assert.deepEqual(
    ends.map(({ type, data }) => [type, data.frames.length]),
    [
      ['story.completed', 2],
      ['story.completed', 3],
    ],
  )
})

test('a webhook that comes after the story went on still shows the end that it is about', async () => {
  const receiver = await testReceiver(() => ({ status: 200 }))
  const { id } = await post({ ...story, webhook: receiver.url, webhook_events_filter: ['completed'] })
  const hold = `UPDATE webhook_deliveries SET next_attempt_at = 9e15 WHERE story_id = '${id}'`
  await bindings.DB.prepare(`CREATE TRIGGER hold AFTER INSERT ON webhook_deliveries BEGIN ${hold}; END`).run()
  await draw()
  const { body } = await app('POST', `/stories/${id}/frames`, { frames: [{ prompt: 'Fern sings' }] })
  assert.equal(body.status, 'queued')
  await bindings.DB.prepare('DROP TRIGGER hold').run()
  await bindings.DB.prepare('UPDATE webhook_deliveries SET next_attempt_at = 1 WHERE story_id = ?').bind(id).run()
  await runCron()
  const [first] = await receiver.requests('/', 1)
  const { type, data } = JSON.parse(first!.body) as StoryWebhook
  assert.deepEqual([type, data.status, data.frames.length], ['story.completed', 'succeeded', 2])
  await draw()
})

test('a frame drawn again gets a new name, and its old picture keeps its own', async () => {
  const first = await generated()
  const path = `/stories/${first.id}/frames/1/redraw`
  const pictureOf = async (of: string) => {
    const answer = await fetch(of, { headers: { authorization: `Bearer ${key}` } })
    assert.equal(answer.status, 200)
    return Buffer.from(await answer.arrayBuffer())
  }
  const old = await pictureOf(first.frames[1]!.url!)
  const asked = await app('POST', path, { prompt: 'Fern snores' })
  assert.deepEqual(asked.body, { ...(await read(first.id)), queue: null })
  assert.deepEqual(asked.body.frames[1], {
    ...{ index: 1, status: 'pending', prompt: 'Fern snores', text: null, url: null },
    ...{ width: null, height: null, seed: null, revision: null },
  })
  const lease = await draw()
  // With a new prompt the frame keeps its seed; `held` reports 11.
  assert.deepEqual([lease.finished_frames, lease.story.frames[1]], [[0], { prompt: 'Fern snores', seed: 11 }])
  const second = await read(first.id)
  assert.match(second.frames[1]!.url!, /\/frames\/1-1\.png\?/)
  assert.equal(second.frames[1]!.revision, 1)
  assert.ok(!old.equals(await pictureOf(second.frames[1]!.url!)))
  assert.ok(old.equals(await pictureOf(first.frames[1]!.url!)))
  assert.deepEqual(second.frames[0], first.frames[0])

  await app('POST', path, {})
  assert.notEqual((await draw()).story.frames[1]!.seed, 11)
  await app('POST', path, { seed: 7 })
  assert.deepEqual((await draw()).story.frames[1], { prompt: 'Fern snores', seed: 7 })
  assert.match((await read(first.id)).frames[1]!.url!, /\/frames\/1-3\.png\?/)
  await app('DELETE', `/stories/${first.id}`)
  assert.deepEqual((await bindings.IMAGES.list({ prefix: `stories/${first.id}/` })).objects, [])
  const left = await bindings.DB.prepare('SELECT count(*) AS n FROM past_frames WHERE story_id = ?')
    .bind(first.id)
    .first()
  assert.deepEqual(left, { n: 0 })
})

test('sent again under its Idempotency-Key, a request goes on once, also at the same moment', async () => {
  const first = await generated()
  const path = `/stories/${first.id}/frames`
  const body = { frames: [{ prompt: 'Fern sings' }] }
  const all = await Promise.all(Array.from({ length: 6 }, () => again(path, body, 'more-1')))
  assert.deepEqual(new Set(all.map(({ status }) => status)), new Set([202]))
  for (const answer of all) assert.deepEqual(answer.body, all[0]!.body)
  assert.equal(all.filter(({ headers }) => headers.get('idempotent-replayed') === 'true').length, 5)
  assert.equal((await read(first.id)).frames.length, 3)
  await draw()
  assert.equal((await again(path, body, 'more-1')).headers.get('idempotent-replayed'), 'true')
  assert.equal((await again(path, { frames: story.frames }, 'more-1')).body.type, '/problems/idempotency-mismatch')
  // Without keys, one goes on and the others are told that the story is under way.
  const free = await Promise.all([0, 1, 1].map((index) => app('POST', `${path}/${index}/redraw`, { seed: index })))
  assert.deepEqual(free.map(({ status }) => status).sort(), [202, 409, 409])
  const { frames } = await read(first.id)
  assert.equal(frames.filter(({ status }) => status === 'pending').length, 1)
  await draw()
})

test('what cannot go on is refused, and says why', async () => {
  const first = await generated()
  const path = `/stories/${first.id}/frames`
  const unknown = await wrong('POST', `${path}/2/redraw`, {})
  assert.deepEqual([unknown.status, unknown.type], [404, '/problems/not-found'])
  assert.match(unknown.detail, /has the frames 0 to 1/)
  for (const [at, body, pointer] of [
    [path, { frames: [] }, '/frames'],
    [path, { frames: Array(13).fill({ prompt: 'x' }) }, '/frames'],
    [path, { frames: [{ prompt: 'x' }, { prompt: 'x', characters: ['cat'] }] }, '/frames/1/characters/0'],
    [path, {}, '/frames'],
    [`${path}/0/redraw`, { prompt: ' ' }, '/prompt'],
    [`${path}/0/redraw`, { seed: -1 }, '/seed'],
    [`${path}/0/redraw`, { characters: ['cat'] }, '/characters/0'],
    [`${path}/0/redraw`, { size: 1 }, '/size'],
  ] as const) {
    const { status, errors } = await wrong('POST', at, body)
    assert.deepEqual([status, errors?.[0]?.pointer], [422, pointer], JSON.stringify(body))
  }
  for (const index of ['x', '-1', '1.5']) assert.equal((await wrong('POST', `${path}/${index}/redraw`, {})).status, 404)
  assert.equal((await wrong('POST', path, { frames: story.frames }, await otherKey())).type, '/problems/not-found')
  const many = { frames: Array(12).fill({ prompt: 'x' }) }
  for (let n = 0; n < 3; n++) {
    assert.equal((await app('POST', path, many)).status, 202)
    await draw()
  }
  const full = await wrong('POST', path, many)
  assert.deepEqual([full.status, full.errors?.[0]?.message], [422, 'at most 48 frames'])
  assert.deepEqual(await read(first.id), await read(first.id))
})

test('another story names a bank by its story, its bytes or a URL, and may call its characters by name', async () => {
  const first = await generated()
  const frames = [{ prompt: 'Fern dances', characters: ['fox'] }]
  for (const named of [{ id: first.id }, { data: Buffer.from(bank).toString('base64') }]) {
    const { status, body } = await app('POST', '/stories', { frames, bank: named })
    assert.equal(status, 202, JSON.stringify(body))
    const lease = await draw()
    assert.deepEqual([lease.id, lease.story.characters], [body.id, [fox]])
    assert.equal(lease.story.bank, `sha256:${first.bank!.sha256}`)
  }
  // The runner finds it also when the story it was named by is gone.
  await app('POST', '/stories', { frames, bank: { id: first.id } })
  await app('DELETE', `/stories/${first.id}`)
  const lease = (await claim())!
  assert.ok(Buffer.from(await (await reference(lease, first.bank!.sha256)).arrayBuffer()).equals(bank))
  await report(lease, 1, 'story.failed', { error: { code: 'invalid_story', message: 'no' }, retryable: false })
  const byUrl = await app('POST', '/stories', { frames: story.frames, bank: { url: 'https://banks.example/fox' } })
  assert.equal(byUrl.status, 202)
  assert.equal((await claim())!.story.bank, 'https://banks.example/fox')

  const foreign = Buffer.from(smallBank([fox], 'drawn')).toString('base64')
  const spoilt = Buffer.from(bank.slice(0, 50)).toString('base64')
  for (const [more, pointer, message] of [
    [{ bank: { id: first.id } }, '/bank/id', /has no bank/],
    [{ bank: { id: 'a'.repeat(26) } }, '/bank/id', /no story/],
    [{ bank: { data: 'AAAA' } }, '/bank/data', /no safetensors/],
    [{ bank: { data: spoilt } }, '/bank/data', /cut off/],
    [{ bank: { data: 'no base64!' } }, '/bank/data', /base64/],
    [{ bank: {} }, '/bank', /one of id, url and data/],
    [{ bank: { id: first.id, url: 'https://a.example/' } }, '/bank', /one of id, url and data/],
    [{ bank: { url: 'http://a.example/' } }, '/bank/url', /https/],
    [{ bank: { data: foreign }, model: 'story-mini' }, '/bank', /made by the model drawn; the story is for story-mini/],
    [
      { bank: { data: Buffer.from(bank).toString('base64') }, characters: [{ ...owl, name: 'Fern' }] },
      '/characters/1/name',
      /another/,
    ],
    [{ bank: { data: Buffer.from(smallBank([fox], 'gone')).toString('base64') } }, '/bank', /unknown model gone/],
  ] as const) {
    for (const query of ['', '?dry_run=true']) {
      const { status, errors } = await wrong('POST', `/stories${query}`, { frames: [{ prompt: 'x' }], ...more })
      assert.deepEqual([status, errors?.[0]?.pointer], [422, pointer], JSON.stringify(more))
      assert.match(errors?.[0]?.message ?? '', message)
    }
  }
  const other = await wrong('POST', '/stories', { frames: [{ prompt: 'x' }], bank: { id: first.id } }, await otherKey())
  assert.equal(other.errors?.[0]?.pointer, '/bank/id')
  // A bank chooses the model, unless the story does.
  assert.equal((await app('POST', '/stories', { frames, bank: { data: foreign } })).body.model, 'drawn')
})

test('pictures as anchors: whom they show, and where they come from', async () => {
  const picture = 'https://pictures.example/fern.png'
  await app('POST', '/stories', { ...story, model: 'drawn', anchors: [{ character: 'fox', picture }] })
  for (let lease = await claim('drawn'); lease; lease = await claim('drawn'))
    if (lease.story.anchors.length > 0) assert.deepEqual(lease.story.anchors, [{ character: 'fox', picture }])
  for (const [anchors, pointer] of [
    [[{ character: 'cat', picture }], '/anchors/0/character'],
    [[{ character: 'fox' }], '/anchors/0/picture'],
    [[{ character: 'fox', picture: 'http://a.example/' }], '/anchors/0/picture'],
    [[{ character: 'fox', picture: `sha256:${'a'.repeat(64)}` }], '/anchors/0/picture'],
    [Array(5).fill({ character: 'fox', picture }), '/anchors'],
  ] as const)
    assert.equal((await wrong('POST', '/stories', { ...story, anchors })).errors?.[0]?.pointer, pointer)
})

test('a real runner hands the bank over before the first frame, and is given it for more', async (t) => {
  const runner = await startRunner(t, url, { name: 'drawn' })
  await runner.logged('runner.ready')
  const wait = async (id: string) => (await app('GET', `/stories/${id}?wait=20`)).body
  const { id } = await post({ ...story, model: 'drawn' })
  const first = await wait(id)
  assert.deepEqual([first.status, first.bank?.characters], ['succeeded', ['fox']], JSON.stringify(first.error))
  await app('POST', first.urls.frames, { frames: [{ prompt: 'Fern sings' }] })
  const second = await wait(id)
  assert.deepEqual([second.status, second.frames.length], ['succeeded', 3])
  assert.equal(second.bank?.sha256, first.bank?.sha256)
  const file = await fetch(second.bank!.url, { headers: { authorization: `Bearer ${key}` } })
  assert.deepEqual(readBankHeader(new Uint8Array(await file.arrayBuffer())).model.name, 'drawn')
})
