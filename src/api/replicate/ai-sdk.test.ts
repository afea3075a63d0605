/** The AI SDK's provider for Replicate, pointed at the edge by its base URL alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createReplicate } from '@ai-sdk/replicate'
import { startDrawing } from '../../../test/drawing-runner.ts'
import { plainPng } from '../../../test/png.ts'
import { testEdge } from '../../../test/worker.ts'

const edge = await testEdge()
startDrawing(edge, 'story-mini')
const model = createReplicate({ apiToken: edge.key, baseURL: `${edge.url}/v1` }).image('fableframe/story-mini')
const asked = { files: undefined, mask: undefined, aspectRatio: undefined, seed: 7, prompt: 'an orange fox' }

test('pictures of a size, as many as were asked for', async () => {
  const { images } = await model.doGenerate({ ...asked, n: 2, size: '64x64', providerOptions: {} })
  assert.deepEqual(
    images.map((image) => Buffer.from(image as Uint8Array)),
    [await plainPng(0), await plainPng(1)],
  )
  const [story] = (await edge.app<{ results: { seed: number; frames: object[] }[] }>('GET', '/stories')).body.results
  assert.deepEqual([story?.seed, story?.frames.length], [7, 2])
})

test('characters of ours beside the fields of theirs; what is wrong is an error with its pointer', async () => {
  const replicate = { characters: [{ id: 'fox', name: 'Fern', description: 'an orange fox' }] }
  const options = { ...asked, n: 1, size: undefined, prompt: 'Fern waves', providerOptions: { replicate } }
  assert.equal((await model.doGenerate(options)).images.length, 1)
  await assert.rejects(model.doGenerate({ ...options, size: '65x64' }), (error: { statusCode?: number }) => {
    assert.equal(error.statusCode, 422)
    assert.match(JSON.stringify(error), /input\/width/)
    return true
  })
})
