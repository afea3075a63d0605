import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import { SavedCharacter, type SavedCharacterList } from '../../../contract/character.ts'
import type { Problem } from '../../../contract/problem.ts'
import type { Story, StoryList } from '../../../contract/story-view.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const { key, call, app, otherKey, bindings, runCron, claim } = await testEdge()
const story = { frames: [{ prompt: 'a fox wakes up' }], metadata: { a: 1, b: 2 } }

const post = (idempotencyKey: string, body: unknown = story, apiKey = key, path = '/stories') =>
  call<Omit<Story, 'status'> & Omit<Problem, 'status'>>('POST', path, {
    headers: {
      authorization: `Bearer ${apiKey}`,
      'content-type': 'application/json',
      'idempotency-key': idempotencyKey,
    },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
const count = async (apiKey = key) =>
  (await app<StoryList>('GET', '/stories?limit=50', undefined, apiKey)).body.results.length

test('fifty posts at once under one key queue one story and all get the same answer', async () => {
  const other = await otherKey()
  const answers = await Promise.all(Array.from({ length: 50 }, () => post('at-once', story, other)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [202])
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  assert.equal(new Set(answers.map(({ headers }) => headers.get('location'))).size, 1)
  assert.equal(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true').length, 49)
  assert.equal(await count(other), 1)
})

test('a repeat gets the first answer, whatever has become of the story since; bare and quoted keys are the same', async () => {
  const first = await post('"order \\"7\\""', { ...story, model: 'story-mini', seed: undefined })
  assert.equal(first.headers.get('idempotent-replayed'), null)
  const bare = await post('plain', story)
  await claim()
  await app('POST', `/stories/${first.body.id}/cancel`)
  const again = await post(
    '"order \\"7\\""',
    `{"metadata":{"a":1,"b":2}, "model":"story-mini",\n"frames":[{"prompt":"a fox wakes up"}]}`,
  )
  assert.deepEqual([again.status, again.body], [202, first.body])
  assert.equal(again.headers.get('location'), first.headers.get('location'))
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.deepEqual((await post('"plain"', story)).body, bare.body)
})

test('a key that another request has used is refused, and queues nothing', async () => {
  const first = await post('changed')
  const before = await count()
  const other = await post('changed', { ...story, title: 'Another' })
  assert.deepEqual([other.status, other.body.type], [422, '/problems/idempotency-mismatch'])
  assert.equal(await count(), before)
  assert.deepEqual((await post('changed')).body, first.body)
})

test("Replicate's wire heeds the same header, and keeps apart what was sent to another route", async () => {
  const prediction = { version: 'fableframe/story-mini', input: { prompt: 'a fox wakes up' } }
  const create = () => post('"predicted"', prediction, key, '/v1/predictions')
  const first = await create()
  assert.equal(first.status, 201, JSON.stringify(first.body))
  const again = await create()
  assert.deepEqual([again.status, again.body], [201, first.body])
  assert.equal(again.headers.get('idempotent-replayed'), 'true')
  assert.equal(again.headers.get('location'), first.headers.get('location'))
  assert.equal((await post('predicted')).body.type, '/problems/idempotency-mismatch')
})

test('a key counts for one API key', async () => {
  const other = await otherKey()
  const mine = await post('shared')
  const theirs = await post('shared', { ...story, title: 'Theirs' }, other)
  assert.equal(theirs.status, 202)
  assert.notEqual(theirs.body.id, mine.body.id)
})

test('a refused request leaves its key free', async () => {
  assert.equal((await post('corrected', { frames: [] })).status, 422)
  assert.equal((await post('corrected', { ...story, model: 'unknown' })).status, 422)
  assert.equal((await post('corrected')).status, 202)
})

test('after a day the key is free again, swept or not', async () => {
  const first = await post('yesterday')
  const age = (ms: number) =>
    bindings.DB.prepare('UPDATE idempotency_keys SET created_at = ? WHERE key = ?')
      .bind(Date.now() - ms, 'yesterday')
      .run()
  await age(24 * 3_600_000 - 60_000)
  assert.deepEqual((await post('yesterday')).body, first.body)
  await age(24 * 3_600_000)
  const second = await post('yesterday', { ...story, title: 'New' })
  assert.deepEqual([second.status, second.headers.get('idempotent-replayed')], [202, null])
  await age(24 * 3_600_000)
  await runCron()
  const left = await bindings.DB.prepare("SELECT count(*) AS n FROM idempotency_keys WHERE key = 'yesterday'").first(
    'n',
  )
  assert.equal(left, 0)
})

test('what is no key is refused with what would be one', async () => {
  for (const wrong of ['""', '"open', '"a"b', 'two words', '"bad \\n escape"', 'x'.repeat(256), 'caf\u00e9']) {
    const { status, body } = await post(wrong)
    assert.deepEqual([status, body.errors?.[0]?.pointer], [422, '/idempotency-key'], wrong)
    assert.match(body.errors?.[0]?.message ?? '', /1-255 visible ASCII/)
  }
  assert.equal((await post('x'.repeat(255))).status, 202)
})

const fern = { name: 'Fern', description: 'an orange fox' }
const keep = (idempotencyKey: string, body: object, apiKey = key) => post(idempotencyKey, body, apiKey, '/characters')
const kept = async (apiKey: string) =>
  (await app<z.infer<typeof SavedCharacterList>>('GET', '/characters', undefined, apiKey)).body.results

test('twenty posts of a character at once under one key keep one, and its pictures once', async () => {
  const other = await otherKey()
  const picture = await plainPng(40, 8, 8)
  const references = [`data:image/png;base64,${picture.toString('base64')}`, 'https://pictures.example/fern.png']
  const answers = await Promise.all(Array.from({ length: 20 }, () => keep('fern', { ...fern, references }, other)))
  assert.deepEqual([...new Set(answers.map(({ status }) => status))], [201])
  assert.equal(new Set(answers.map(({ body }) => JSON.stringify(body))).size, 1)
  assert.equal(new Set(answers.map(({ headers }) => headers.get('location'))).size, 1)
  assert.equal(answers.filter(({ headers }) => headers.get('idempotent-replayed') === 'true').length, 19)
  const character = SavedCharacter.parse(answers[0]?.body)
  assert.deepEqual(await kept(other), [character])
  const hash = character.references[0]?.sha256 ?? ''
  const stored = (await bindings.IMAGES.list({ prefix: 'references/' })).objects
  assert.equal(stored.filter(({ key }) => key.includes(hash)).length, 1)

  const form = new FormData()
  for (const [name, value] of Object.entries(fern)) form.append(name, value)
  form.append('references', new File([new Uint8Array(picture)], 'fern.png'))
  form.append('references', 'https://pictures.example/fern.png')
  const headers = { authorization: `Bearer ${other}`, 'idempotency-key': '"fern"' }
  const again = await call('POST', '/characters', { headers, body: form })
  assert.deepEqual([again.status, again.body], [201, character], 'the same as a form, with the picture as a file')
  assert.equal((await kept(other)).length, 1)
})

test('a key that another character, or a story, has used is refused, and keeps nothing', async () => {
  const other = await otherKey()
  const first = await keep('used', fern, other)
  assert.deepEqual([first.status, first.headers.get('idempotent-replayed')], [201, null])
  await post('by-a-story', story, other)
  for (const [idempotencyKey, body] of [
    ['used', { ...fern, description: 'a red fox' }],
    ['used', { ...fern, references: ['https://pictures.example/fern.png'] }],
    ['by-a-story', fern],
  ] as const) {
    const { status, body: problem } = await keep(idempotencyKey, body, other)
    assert.deepEqual([status, problem.type], [422, '/problems/idempotency-mismatch'])
  }
  assert.equal((await post('used', story, other)).body.type, '/problems/idempotency-mismatch')
  assert.equal((await kept(other)).length, 1)
  assert.equal((await keep('refused', { ...fern, references: ['data:image/png;base64,A'] }, other)).status, 422)
  assert.equal((await keep('refused', fern, other)).status, 201, 'a refused request leaves its key free')
  assert.equal((await keep('two words', fern, other)).body.errors?.[0]?.pointer, '/idempotency-key')
})

test('a character that is deleted takes the remembered answer with it', async () => {
  const other = await otherKey()
  const first = await keep('gone', fern, other)
  const stranger = await otherKey()
  assert.equal((await app('DELETE', `/characters/${first.body.id}`, undefined, stranger)).status, 404)
  assert.deepEqual((await keep('gone', fern, other)).body, first.body)
  assert.equal((await app('DELETE', `/characters/${first.body.id}`, undefined, other)).status, 204)
  const second = await keep('gone', fern, other)
  assert.equal(second.status, 201)
  assert.notEqual(second.body.id, first.body.id)
})
