/** OpenAI's client as it is on npm, with nothing but `baseURL` changed, against the edge in workerd. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import OpenAI from 'openai'
import type { StoryList } from '../../../contract/story-view.ts'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge({ MODELS: 'story-mini,acme/held' })
const { url, key, app, claim, report } = edge
startDrawing(edge, 'story-mini')
const clientOf = (apiKey: string) => new OpenAI({ apiKey, baseURL: `${url}/v1`, maxRetries: 0 })
const openai = clientOf(key)
const prompt = 'an orange fox reads a book'

test('n pictures as links, which are frames with the same character', async () => {
  const before = Math.floor(Date.now() / 1000)
  const { created, data = [] } = await openai.images.generate({
    prompt,
    n: 2,
    size: 'auto',
    quality: 'high',
    user: 'u1',
  })
  assert.ok(created >= before && created <= Date.now() / 1000)
  assert.equal(data.length, 2)
  for (const [i, { url = '', b64_json, revised_prompt }] of data.entries()) {
    assert.deepEqual(Buffer.from(await (await fetch(url)).arrayBuffer()), await plainPng(i))
    assert.deepEqual([b64_json, revised_prompt], [undefined, prompt])
  }
  const [story] = (await app<StoryList>('GET', '/stories?limit=1')).body.results
  assert.deepEqual(
    story?.frames.map((frame) => frame.prompt),
    ['Subject reads a book', 'Subject reads a book'],
  )
})

test('as base64, of a model that is named, with fields of ours beside theirs', async () => {
  const characters = [{ id: 'fox', name: 'Fern', description: 'an orange fox' }]
  const body = {
    prompt: 'Fern waves',
    model: 'fableframe/story-mini',
    response_format: 'b64_json',
    size: '64x64',
  } as const
  const { data = [] } = await openai.images.generate({ ...body, ...{ characters, seed: 7 } } as typeof body)
  assert.deepEqual(Buffer.from(data[0]?.b64_json ?? '', 'base64'), await plainPng(0))
  assert.deepEqual([data.length, data[0]?.url], [1, undefined])
})

test('what is wrong has the class and the fields of an error of theirs', async () => {
  const refused = async (body: object, client = openai) => {
    const error = await client.images.generate({ prompt, ...body }).then(
      () => assert.fail('taken'),
      (error: unknown) => error,
    )
    assert.ok(error instanceof OpenAI.APIError)
    return error
  }
  const size = await refused({ size: '100x64' })
  assert.ok(size instanceof OpenAI.BadRequestError)
  assert.deepEqual([size.param, size.code, size.type], ['size', 'invalid_value', 'invalid_request_error'])
  assert.match(size.message, /400 size: a multiple of 8/)
  for (const [body, param, message] of [
    [{ n: 11 }, 'n', /1 to 10/],
    [{ prompt: ' ' }, 'prompt', /blank/],
    [{ stream: true }, 'stream', /not streamed/],
    [{ surprise: 1 }, 'surprise', /unknown field/],
    [{ characters: [{ id: 'a' }] }, 'characters.0.name', /required/],
  ] as const) {
    const error = await refused(body)
    assert.deepEqual([error.status, error.param], [400, param])
    assert.match(error.message, message)
  }
  const model = await refused({ model: 'gpt-image-1' })
  assert.ok(model instanceof OpenAI.NotFoundError)
  assert.match(model.message, /served are story-mini, acme\/held/)
  const stranger = await refused({}, clientOf('sk-none'))
  assert.ok(stranger instanceof OpenAI.AuthenticationError)
  assert.equal(stranger.code, 'invalid_api_key')
  const reader = (await app<{ key: string }>('POST', '/keys', { name: 'r', scopes: ['stories:read'] })).body.key
  assert.ok((await refused({}, clientOf(reader))) instanceof OpenAI.PermissionDeniedError)
})

test('a story that fails is an error with its reason', async () => {
  const failing = openai.images.generate({ prompt, model: 'acme/held' })
  const lease = (await claim('acme/held', 5))!
  await report(lease, 1, 'story.started')
  const error = { code: 'invalid_story', message: 'no such scheduler' }
  await report(lease, 2, 'story.failed', { error, retryable: false })
  await assert.rejects(failing, /400 no such scheduler/)
})
