import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type StoryInput, StoryRequest } from '../../../contract/story.ts'
import { sd15 } from '../../../test/model-folder.ts'
import { openPipeline } from '../engine/pipeline/open.ts'
import { encodeStory } from './encode.ts'
import { factsOf } from './model-facts.ts'
import { planStory } from './plan/plan.ts'
import { type SampledImages, sampleFrames } from './sample-frames.ts'

const pipeline = await openPipeline(sd15, {})
after(() => pipeline.release())
const fox = { id: 'fox', name: 'Fern', description: 'a red fox in a blue coat' }
const days = Array.from({ length: 4 }, (_, day) => ({ prompt: `Fern on day ${day}` }))

/** Samples some frames of a story: the steps that were counted, and what is left. */
async function sampled(story: Partial<StoryInput>, frames: number[], signal = new AbortController().signal) {
  const request = StoryRequest.parse({ characters: [fox], frames: days, steps: 2, scheduler: 'euler', ...story })
  const plan = planStory({ request, seed: 3, bank: null, model: factsOf(pipeline) })
  const encoded = await encodeStory(pipeline, plan, { signal })
  const sampling = sampleFrames(pipeline, plan, encoded, { frames, callBytes: 2 ** 30, signal })
  const steps: number[] = []
  let next = await sampling.next()
  for (; !next.done; next = await sampling.next()) steps.push(next.value.step)
  return { steps, plan, ...(next.value as SampledImages) }
}

test('a frame is sampled with those that it attends to, and with no others', async () => {
  const { steps, plan, latents } = await sampled({}, [3])
  assert.deepEqual(plan.attendsTo, [[1], [0], [0, 1], [0, 1]])
  assert.deepEqual(
    [steps, [...latents.keys()]],
    [
      [1, 2],
      [0, 1, 3],
    ],
  )
  assert.ok([...latents.values()].every((latent) => latent.length === plan.latentShape.reduce((a, b) => a * b)))
})

test('where characters are is recorded, also when nobody attends to them; in a story of nobody there is nothing to record', async () => {
  const alone = await sampled({ consistency: { synchronizer: 0 } }, [2])
  assert.deepEqual([...alone.latents.keys()], [2])
  const [, , masks] = alone.synchronizer!.masks(alone.plan.grid)
  assert.ok(masks?.[0]?.includes(1))
  const nobody = await sampled(
    { characters: [], frames: [{ prompt: 'a hill' }], consistency: { synchronizer: 0 } },
    [0],
  )
  assert.equal(nobody.synchronizer, null)
})

test('an abort ends the sampling with its reason', async () => {
  await assert.rejects(sampled({}, [0], AbortSignal.abort(new Error('no more'))), /no more/)
})
