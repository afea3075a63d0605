/** Characters that are kept: what they take, who may use them, and how long their pictures last. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { z } from 'zod'
import { SavedCharacter, type SavedCharacterList } from '../../../contract/character.ts'
import type { Problem } from '../../../contract/problem.ts'
import { LIMITS } from '../../../contract/story.ts'
import { isTerminal } from '../../../contract/story-view.ts'
import { readImage } from '../../../gpu-runner/src/engine/io/png.ts'
import { paint } from '../../../test/drawing-model.ts'
import { plainPng } from '../../../test/png.ts'
import { startRunner } from '../../../test/runner.ts'
import { RUNNER_TOKEN, testEdge } from '../../../test/worker.ts'
import { sha256 } from '../../platform/ids.ts'

const edge = await testEdge({ MODELS: 'story-mini,drawn', ALLOW_INSECURE_WEBHOOKS: '0' })
const { url, key, call, app, wrong, claim, report, otherKey, bindings, runCron } = edge
const fern = { name: 'Fern', description: 'an orange fox' }
const frames = [{ prompt: 'Fern waves' }]
let red = 0
/** A picture that no other test has. */
const newPicture = async () => new Uint8Array(await plainPng(++red, 8, 8))
const dataUri = (bytes: Uint8Array, type = 'png') =>
  `data:image/${type};base64,${Buffer.from(bytes).toString('base64')}`

async function keep(references: (string | Uint8Array<ArrayBuffer>)[], apiKey = key) {
  const form = new FormData()
  for (const [name, value] of Object.entries(fern)) form.append(name, value)
  for (const one of references) form.append('references', typeof one === 'string' ? one : new File([one], 'fern'))
  return call<Problem & SavedCharacter>('POST', '/characters', {
    headers: { authorization: `Bearer ${apiKey}` },
    body: form,
  })
}
const stored = async () => (await bindings.IMAGES.list({ prefix: 'references/' })).objects.map(({ key }) => key)
const remove = (id: string, apiKey = key) => app('DELETE', `/characters/${id}`, undefined, apiKey)
const use = (id: string, apiKey = key, model = 'story-mini') =>
  app('POST', '/stories', { model, frames, characters: [{ character: id }] }, apiKey)
const reference = ({ id, lease_token }: { id: string; lease_token: string }, hash: string) =>
  fetch(`${url}/runner/stories/${id}/references/${hash}`, {
    headers: { authorization: `Bearer ${RUNNER_TOKEN}`, 'x-lease-token': lease_token },
  })
/** As if the minutes had passed that a picture is left alone for. */
async function sweepLater(): Promise<void> {
  await bindings.DB.prepare('UPDATE reference_pictures SET check_since = 1 WHERE check_since IS NOT NULL').run()
  await runCron()
}

test('a character is kept, read, listed and deleted; the same picture is stored once', async () => {
  const picture = await newPicture()
  const hash = await sha256(picture)
  const posted = await keep([picture, dataUri(picture, 'webp'), 'https://pictures.example/fern.png'])
  assert.equal(posted.status, 201)
  const character = SavedCharacter.parse(posted.body)
  const kept = { url: null, sha256: hash, content_type: 'image/png' as const, bytes: picture.length }
  const fetched = { url: 'https://pictures.example/fern.png', sha256: null, content_type: null, bytes: null }
  assert.deepEqual(character.references, [kept, kept, fetched])
  const read = await app<SavedCharacter>('GET', posted.headers.get('location') ?? '')
  assert.deepEqual(read.body, character)
  const json = await app<SavedCharacter>('POST', '/characters', { ...fern, references: [dataUri(picture)] })
  assert.equal(json.status, 201)
  assert.equal((await stored()).filter((name) => name.includes(hash)).length, 1)
  const first = (await app<z.infer<typeof SavedCharacterList>>('GET', '/characters?limit=1')).body
  assert.deepEqual(first.results, [json.body])
  const second = (await app<z.infer<typeof SavedCharacterList>>('GET', first.next ?? '')).body
  assert.deepEqual([second.results, second.next], [[character], null])
  for (const { id } of [character, json.body]) assert.equal((await remove(id)).status, 204)
  assert.equal((await remove(character.id)).status, 404)
  assert.equal((await wrong('GET', `/characters/${character.id}`)).type, '/problems/not-found')
})

test('what is no picture, too large or too many is refused, pointed at, and not stored', async () => {
  const before = await stored()
  const picture = await newPicture()
  const large = new Uint8Array(LIMITS.referenceBytes + 1)
  large.set(picture)
  const cases: [(string | Uint8Array<ArrayBuffer>)[], string, RegExp][] = [
    [[picture, new TextEncoder().encode('<svg/>')], '/references/1', /no picture/],
    [[new Uint8Array(0)], '/references/0', /no picture/],
    [[large], '/references/0', /has 5242881 bytes; at most 5242880/],
    [[dataUri(new TextEncoder().encode('GIF89a'))], '/references/0', /no picture/],
    [['data:image/png;base64,A'], '/references/0', /no picture/],
    [['http://pictures.example/a.png'], '/references/0', /an https URL/],
    [['https://127.0.0.1/a.png'], '/references/0', /must name a host/],
    [Array(5).fill(picture), '/references', /at most 4/],
  ]
  for (const [references, pointer, message] of cases) {
    const { status, body } = await keep(references)
    assert.deepEqual([status, body.errors?.[0]?.pointer], [422, pointer], JSON.stringify(body))
    assert.match(body.errors?.[0]?.message ?? '', message)
  }
  assert.deepEqual(
    (await wrong('POST', '/characters', { references: [7], more: 1 })).errors?.map(({ pointer }) => pointer),
    ['/name', '/description', '/references/0', '/more'],
  )
  assert.equal((await wrong('POST', '/characters', '{"name"')).type, '/problems/malformed-json')
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'multipart/form-data; boundary=x' }
  assert.equal((await call('POST', '/characters', { headers, body: 'nonsense' })).status, 422)
  const text = { authorization: `Bearer ${key}`, 'content-type': 'text/plain' }
  assert.equal((await call('POST', '/characters', { headers: text, body: 'x' })).status, 415)
  assert.deepEqual(await stored(), before)
})

test('a story names a character and may call it otherwise; the runner gets the complete character', async () => {
  const picture = await newPicture()
  const { id } = (await keep([picture, 'https://pictures.example/fern.png'])).body
  const own = { id: 'owl', name: 'Ola', description: 'an owl' }
  const references = [`sha256:${await sha256(picture)}`, 'https://pictures.example/fern.png']
  const cases = [
    [{ character: id }, { id, ...fern, references }],
    [
      { character: id, id: 'fox', name: 'Flo', description: 'a fox in a hat' },
      { id: 'fox', name: 'Flo', description: 'a fox in a hat', references },
    ],
  ] as const
  for (const [member, expected] of cases) {
    await app('POST', '/stories', { frames: [{ prompt: 'x', characters: [expected.id] }], characters: [member, own] })
    const lease = (await claim())!
    assert.deepEqual(lease.story.characters, [expected, own])
    await report(lease, 1, 'story.failed', { error: { code: 'x', message: 'x' }, retryable: false })
  }
  const input = { prompt: 'Fern waves', characters: [{ character: id }] }
  const prediction = await app('POST', '/v1/models/fableframe/story-mini/predictions', { input })
  assert.equal(prediction.status, 201)
  const lease = (await claim())!
  assert.deepEqual(lease.story.characters, [{ id, ...fern, references }])
  await report(lease, 1, 'story.failed', { error: { code: 'x', message: 'x' }, retryable: false })
})

test('a character that is not there, or not theirs, is pointed at; so is what it clashes with', async () => {
  const { id } = (await keep([])).body
  const stranger = await otherKey()
  for (const [apiKey, character] of [
    [stranger, id],
    [key, 'a'.repeat(26)],
  ] as const) {
    const { status, body } = await app<Problem>('POST', '/stories', { frames, characters: [{ character }] }, apiKey)
    const message = `no character ${character} under this API key`
    assert.deepEqual([status, body.errors], [422, [{ pointer: '/characters/0/character', message }]])
  }
  for (const method of ['GET', 'DELETE'])
    assert.equal((await app(method, `/characters/${id}`, undefined, stranger)).status, 404)
  const pointers = async (characters: unknown[], prompt: object = {}) =>
    (await wrong('POST', '/stories', { frames: [{ prompt: 'x', ...prompt }], characters })).errors?.map(
      ({ pointer }) => pointer,
    )
  const twice = [{ character: id }, { character: id, id: 'b', name: 'FERN' }]
  assert.deepEqual(await pointers(twice), ['/characters/1/name'])
  assert.deepEqual(await pointers([{ character: id }], { characters: ['fox'] }), ['/frames/0/characters/0'])
  assert.deepEqual(await pointers([{ character: id, references: [] }]), ['/characters/0/references'])
  assert.deepEqual(await pointers([{ character: 'x' }]), ['/characters/0/character'])
  assert.deepEqual(await pointers([{ id: 'a' }]), ['/characters/0/name', '/characters/0/description'])
  // A hash is nothing that an app can name, its own or another's.
  const hash = `sha256:${'0'.repeat(64)}`
  assert.deepEqual(await pointers([{ id: 'a', ...fern, references: [hash] }]), ['/characters/0/references/0'])
})

test('deleted while a story waits: it is drawn with the picture, which goes when no story can need it', async () => {
  const picture = await newPicture()
  const hash = await sha256(picture)
  const { id } = (await keep([picture])).body
  const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json', 'idempotency-key': 'once' }
  const body = JSON.stringify({ frames, characters: [{ character: id }] })
  const posted = await call<{ id: string }>('POST', '/stories', { headers, body })
  await remove(id)
  const again = await call<{ id: string }>('POST', '/stories', { headers, body })
  assert.deepEqual([again.status, again.body.id], [202, posted.body.id])
  assert.equal((await use(id)).status, 422)
  await sweepLater()
  const lease = (await claim())!
  assert.equal(lease.id, posted.body.id)
  const got = await reference(lease, hash)
  assert.equal(Buffer.compare(Buffer.from(await got.arrayBuffer()), picture), 0)
  assert.equal((await reference(lease, 'f'.repeat(64))).status, 404)
  assert.equal((await reference({ ...lease, lease_token: 'x'.repeat(32) }, hash)).status, 409)
  const anonymous = await call('GET', `/runner/stories/${lease.id}/references/${hash}`, { headers })
  assert.equal(anonymous.status, 401)
  await app('DELETE', `/stories/${lease.id}`)
  await report(lease, 1, 'story.canceled')
  await runCron()
  await sweepLater()
  assert.deepEqual(
    (await stored()).filter((name) => name.includes(hash)),
    [],
  )
})

test('the end of a story leaves the pictures of its character; another character shares them, other keys do not', async () => {
  const picture = await newPicture()
  const hash = await sha256(picture)
  const stranger = await otherKey()
  const [one, two] = [(await keep([picture])).body, (await keep([picture])).body]
  await keep([picture], stranger)
  const copies = async () => (await stored()).filter((name) => name.includes(hash)).length
  assert.equal(await copies(), 2)
  const { id } = (await use(one.id)).body
  await app('DELETE', `/stories/${id}`)
  await remove(one.id)
  await sweepLater()
  assert.equal(await copies(), 2)
  await remove(two.id)
  await runCron()
  assert.equal(await copies(), 2, 'a request under way may have read it')
  await sweepLater()
  assert.equal(await copies(), 1)
  // Uploaded anew, it is there anew.
  await keep([picture])
  assert.equal(await copies(), 2)
})

test('the bytes arrive where the story is drawn', async (t) => {
  const picture = await newPicture()
  const { id } = (await keep([picture])).body
  const request = { model: 'drawn', seed: 3, width: 64, height: 64, frames, characters: [{ character: id }] }
  const posted = (await app('POST', '/stories', request)).body
  await remove(id)
  await startRunner(t, url, { name: 'drawn' })
  const story = await until(posted.id)
  assert.equal(story.status, 'succeeded')
  const drawn = await fetch(`${url}/stories/${story.id}/frames/0.png`, { headers: { authorization: `Bearer ${key}` } })
  const { rgb } = await readImage(new Uint8Array(await drawn.arrayBuffer()))
  const expected = await paint(`3 Fern waves ${await sha256(picture)}`, 64, 64)
  assert.equal(Buffer.compare(rgb, expected), 0)
})

async function until(id: string) {
  for (;;) {
    const { body } = await app('GET', `/stories/${id}?wait=10`)
    if (isTerminal(body.status)) return body
  }
}
