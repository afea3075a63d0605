import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { type StoryInput, StoryRequest } from '../../../contract/story.ts'
import { sd15 } from '../../../test/model-folder.ts'
import { encodePng } from '../engine/io/png.ts'
import { openPipeline } from '../engine/pipeline/open.ts'
import { encodeStory } from './encode.ts'
import { factsOf } from './model-facts.ts'
import { planStory } from './plan/plan.ts'
import { StoryRejected } from './types.ts'

const pipeline = await openPipeline(sd15, { ipAdapter: `${sd15}/../ip_plus.safetensors` })
after(() => pipeline.release())
const { signal } = new AbortController()
const fox = { id: 'fox', name: 'Fern', description: 'a red fox in a blue coat' }
const owl = { id: 'owl', name: 'Ola', description: 'a white owl in a green hat' }
const square = `data:image/png;base64,${Buffer.from(
  await encodePng({ rgb: new Uint8Array(16 * 16 * 3).fill(90), width: 16, height: 16 }),
).toString('base64')}`

const encoded = (story: Partial<StoryInput>) => {
  const frames = [{ prompt: 'Fern waves' }, { prompt: 'Ola and Fern sit' }]
  const request = StoryRequest.parse({ characters: [fox, owl], frames, steps: 2, ...story })
  const plan = planStory({ request, seed: 1, bank: null, model: factsOf(pipeline) })
  return encodeStory(pipeline, plan, { signal })
}

test('every image has its row: guided ones an unconditional one too, those with regional prompts a context for each', async () => {
  const { conditioning, anchors, references } = await encoded({ consistency: { layout: 'columns' } })
  const { conditional, unconditional } = conditioning
  assert.deepEqual([conditional.length, unconditional?.length, anchors, references], [2, 2, [], null])
  assert.deepEqual(
    conditional.map(({ regionalContexts }) => regionalContexts?.length),
    [undefined, 2],
  )
  assert.equal((await encoded({ guidance_scale: 1 })).conditioning.unconditional, null)
})

test('references become identities by place in the cast, unless they are turned off', async () => {
  const characters = [fox, { ...owl, references: [square] }]
  const { references } = await encoded({ characters })
  assert.deepEqual(
    references?.cast.map((own) => own?.whole),
    [undefined, [0]],
  )
  assert.equal((await encoded({ characters, consistency: { injector: 0 } })).references, null)
})

test('a picture handed over as an anchor has latents of the frames’ size, and a mask of its character alone', async () => {
  const { anchors } = await encoded({ anchors: [{ character: 'owl', picture: square }] })
  const [anchor] = anchors
  const cells = (pipeline.size / pipeline.autoencoder.factor) ** 2
  assert.equal(anchor!.latent.length, pipeline.autoencoder.latentChannels * cells)
  assert.deepEqual(
    anchor!.masks.map((mask) => mask?.length),
    [undefined, cells],
  )
})

test('a picture that is none is the fault of the story, and named', async () => {
  const characters = [{ ...fox, references: ['data:image/png;base64,AAAA'] }]
  await assert.rejects(
    encoded({ characters, frames: [{ prompt: 'Fern' }] }),
    (error) => error instanceof StoryRejected && /^\/characters\/0\/references\/0: /.test(error.message),
  )
})
