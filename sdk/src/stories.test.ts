/** The client against the edge in workerd, with a runner that draws. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startDrawing } from '../../test/drawing-runner.ts'
import { plainPng } from '../../test/png.ts'
import { testEdge } from '../../test/worker.ts'
import {
  ConflictError,
  Fableframe,
  IdempotencyError,
  NotFoundError,
  StoryEndedError,
  type StoryEvent,
  ValidationError,
} from './index.ts'

const edge = await testEdge({ MODELS: 'story-mini,slow' })
const { url, key, claim } = edge
startDrawing(edge, 'story-mini', 10)
const client = new Fableframe({ apiKey: key, baseUrl: url })
const frames = [{ prompt: 'a fox wakes up' }, { prompt: 'a fox sets out' }]

test('createAndWait: the story with all its pictures, and every change on the way', async () => {
  const fractions: number[] = []
  const story = await client.stories.createAndWait(
    { frames, title: 'The fox' },
    { onProgress: ({ frames }) => fractions.push(frames.filter(({ url }) => url !== null).length) },
  )
  assert.equal(story.status, 'succeeded')
  assert.deepEqual(
    story.frames.map(({ status }) => status),
    ['succeeded', 'succeeded'],
  )
  assert.deepEqual([fractions[0], fractions.at(-1)], [0, 2])
  assert.deepEqual(fractions, fractions.toSorted())
  const picture = await client.frames.download(story.frames[1]!)
  assert.equal(picture.type, 'image/png')
  assert.deepEqual(Buffer.from(await picture.arrayBuffer()), await plainPng(1))
})

test('a story that fails is thrown with its reason, and the frames that were finished', async () => {
  await assert.rejects(client.stories.createAndWait({ frames, title: 'fail' }), (error) => {
    assert.ok(error instanceof StoryEndedError)
    assert.match(error.message, /ended as failed: no such scheduler \(invalid_story\)$/)
    assert.deepEqual(
      error.story.frames.map(({ url }) => url !== null),
      [true, false],
    )
    return true
  })
})

test('follow: frames as they are finished, then the end; a finished story tells the same at once', async () => {
  const { id } = await client.stories.create({ frames })
  const told = async () => {
    const events: StoryEvent[] = []
    for await (const event of client.stories.follow(id)) events.push(event)
    return events.flatMap((event) =>
      event.type === 'frame' ? [event.frame.prompt] : event.type === 'end' ? [event.story.status] : [],
    )
  }
  const expected = ['a fox wakes up', 'a fox sets out', 'succeeded']
  assert.deepEqual(await told(), expected)
  assert.deepEqual(await told(), expected)
})

test('list goes through all pages, or gives the first one', async () => {
  const other = new Fableframe({ apiKey: await edge.otherKey(), baseUrl: `${url}/` })
  const ids: string[] = []
  for (let i = 0; i < 5; i++) ids.unshift((await other.stories.create({ frames, model: 'slow' })).id)
  const listed: string[] = []
  for await (const { id } of other.stories.list({ limit: 2 })) listed.push(id)
  assert.deepEqual(listed, ids)
  const first = await other.stories.list({ limit: 3, created_after: '2020-01-01T00:00:00Z' })
  assert.deepEqual(
    first.results.map(({ id }) => id),
    ids.slice(0, 3),
  )
  const second = await first.next?.()
  assert.deepEqual([second?.results.length, second?.next], [2, undefined])
  await assert.rejects(other.stories.list({ limit: 1000 }), (error) => {
    assert.ok(error instanceof ValidationError)
    assert.equal(error.errors[0]?.pointer, '?limit')
    return true
  })
})

test('a dry run says what would be done, and queues nothing', async () => {
  const before = (await client.stories.list()).results.length
  const { model, mentions, warnings } = await client.stories.dryRun({
    characters: [{ id: 'fox', name: 'Fern', description: 'a red fox' }],
    frames: [{ prompt: 'Fern waves' }, { prompt: 'rain' }],
  })
  assert.deepEqual([model, mentions.length, warnings.length], ['story-mini', 1, 1])
  assert.equal((await client.stories.list()).results.length, before)
})

test('continue and redraw: the story is queued once more, and followed like a new one', async () => {
  const { id, frames: first } = await client.stories.createAndWait({ frames })
  await client.stories.continue(id, { frames: [{ prompt: 'a fox sleeps' }] })
  const continued = await client.stories.wait(id)
  assert.deepEqual(
    continued.frames.map(({ prompt }) => prompt),
    ['a fox wakes up', 'a fox sets out', 'a fox sleeps'],
  )
  await client.frames.redraw(id, 1, { prompt: 'a fox snores' })
  const redrawn = await client.stories.wait(id)
  assert.deepEqual([redrawn.frames[1]?.prompt, redrawn.frames[1]?.revision], ['a fox snores', 1])
  assert.notEqual(redrawn.frames[1]?.url, first[1]?.url)
  assert.equal(redrawn.frames[0]?.url, first[0]?.url)
})

test('cancel, resume, get and delete', async () => {
  const { id, frames: pending } = await client.stories.create({ frames, model: 'slow' })
  await assert.rejects(client.frames.download(pending[0]!), { message: 'frame 0 is pending; it has no picture yet' })
  await assert.rejects(client.frames.redraw(id, 0), (error) => {
    assert.ok(error instanceof ConflictError)
    assert.equal(error.problem, 'not-ended')
    return true
  })
  assert.equal((await client.stories.cancel(id)).status, 'canceled')
  assert.equal((await client.stories.resume(id)).status, 'queued')
  assert.equal((await client.stories.get(id)).status, 'queued')
  await client.stories.delete(id)
  assert.equal((await client.stories.get(id)).data_removed, true)
  await assert.rejects(client.stories.wait(id), StoryEndedError)
})

test('an aborted createAndWait cancels its story; an aborted wait leaves it alone', async () => {
  const stop = new AbortController()
  let id = ''
  const waiting = client.stories.createAndWait(
    { frames, model: 'slow' },
    {
      signal: stop.signal,
      onProgress: (story) => {
        id = story.id
        stop.abort(new Error('the reader has left'))
      },
    },
  )
  await assert.rejects(waiting, { message: 'the reader has left' })
  assert.equal((await client.stories.get(id)).status, 'canceled')

  const { id: other } = await client.stories.create({ frames, model: 'slow' })
  await assert.rejects(client.stories.wait(other, { signal: AbortSignal.timeout(1) }), { name: 'TimeoutError' })
  assert.equal((await client.stories.get(other)).status, 'queued')
  assert.ok(await claim('slow'))
})

test('refusals are errors of their kind, with pointers', async () => {
  await assert.rejects(client.stories.create({ frames: [{ prompt: ' ' }], width: 65 }), (error) => {
    assert.ok(error instanceof ValidationError)
    assert.deepEqual([error.status, error.problem, error.title], [422, 'validation', 'Invalid input'])
    assert.deepEqual(error.errors.map(({ pointer }) => pointer).sort(), ['/frames/0/prompt', '/width'])
    assert.match(error.requestId ?? '', /^req_/)
    assert.match(error.message, /^\/.*\(req_\w+\)$/)
    return true
  })
  await assert.rejects(client.stories.get('a'.repeat(26)), NotFoundError)
  await assert.rejects(client.stories.get('../keys'), NotFoundError)
  await client.stories.create({ frames, model: 'slow' }, { idempotencyKey: 'once' })
  await assert.rejects(
    client.stories.create({ frames: frames.slice(1), model: 'slow' }, { idempotencyKey: 'once' }),
    IdempotencyError,
  )
  await assert.rejects(new Fableframe({ apiKey: 'ff_live_no', baseUrl: url }).stories.get('a'.repeat(26)), {
    name: 'AuthenticationError',
    problem: 'unauthorized',
  })
})

test('a client says what it lacks', () => {
  assert.throws(() => new Fableframe({ baseUrl: url }), { message: 'give apiKey or token, or set FABLEFRAME_API_KEY' })
  assert.throws(() => new Fableframe({ apiKey: key }), { message: 'give baseUrl, or set FABLEFRAME_EDGE_URL' })
  assert.throws(() => new Fableframe({ apiKey: key, token: 't', baseUrl: url }), /not both/)
  assert.throws(() => new Fableframe({ apiKey: key, baseUrl: 'localhost' }), /not an absolute URL: localhost/)
})
