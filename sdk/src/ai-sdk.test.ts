/** The provider with the AI SDK itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { generateImage } from 'ai'
import { startDrawing } from '../../test/drawing-runner.ts'
import { plainPng } from '../../test/png.ts'
import { testEdge } from '../../test/worker.ts'
import { createFableframe, type FableframeImageMetadata } from './ai-sdk.ts'

const edge = await testEdge({ MODELS: 'story-mini,slow' })
startDrawing(edge, 'story-mini', 5)
const provider = createFableframe({ apiKey: edge.key, baseUrl: edge.url })
const model = provider.image('story-mini')
const characters = [{ id: 'fox', name: 'Fern', description: 'an orange fox' }]
// Its own notices of warnings.
Object.assign(globalThis, { AI_SDK_LOG_WARNINGS: false })
const quiet = { maxRetries: 0 }

test('n pictures of the same character', async () => {
  const { images, providerMetadata, warnings } = await generateImage({
    ...{ model, prompt: 'Fern waves', n: 3, size: '64x64', seed: 7 },
    providerOptions: { fableframe: { characters } },
  })
  assert.deepEqual(
    images.map(({ uint8Array, mediaType }) => [Buffer.from(uint8Array), mediaType]),
    await Promise.all([0, 1, 2].map(async (shade) => [await plainPng(shade), 'image/png'])),
  )
  assert.deepEqual(warnings, [])
  const shown = providerMetadata.fableframe?.images as unknown as FableframeImageMetadata[]
  assert.deepEqual(
    shown.map(({ prompt }) => prompt),
    ['Fern waves', 'Fern waves', 'Fern waves'],
  )
  assert.equal((await edge.read(shown[0]!.story)).seed, 7)
})

test('frames of their own, and a warning of what has no effect', async () => {
  const { images, warnings } = await generateImage({
    ...{ model, prompt: '', aspectRatio: '16:9' },
    providerOptions: { fableframe: { characters, frames: [{ prompt: 'Fern wakes up' }, { prompt: 'an owl' }] } },
  })
  assert.equal(images.length, 2)
  assert.deepEqual(
    warnings.map((warning) => (warning.type === 'other' ? warning.message : warning.feature)),
    [
      'aspectRatio',
      "/frames/1/prompt: names nobody of the cast; call them by name, or list them in the frame's characters",
    ],
  )
})

test('refusals and failures are errors of the SDK; an abort cancels the story', async () => {
  await assert.rejects(generateImage({ ...quiet, model, prompt: 'a fox', size: '65x64' }), {
    name: 'ValidationError',
    message: /width: a multiple of 8/,
  })
  await assert.rejects(
    generateImage({ ...quiet, model, prompt: 'a fox', providerOptions: { fableframe: { title: 'fail' } } }),
    { name: 'StoryEndedError', message: /no such scheduler/ },
  )
  const stop = new AbortController()
  const slow = provider.imageModel('slow')
  const drawing = generateImage({ ...quiet, model: slow, prompt: 'a fox', abortSignal: stop.signal })
  const lease = await edge.claim('slow', 20)
  stop.abort(new Error('enough'))
  await assert.rejects(drawing, { message: 'enough' })
  assert.equal((await edge.read(lease!.id)).cancel_requested, true)
})
