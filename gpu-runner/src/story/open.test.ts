import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { type StoryInput, StoryRequest } from '../../../contract/story.ts'
import { copyModel, fillTensor, sd15, sdxl } from '../../../test/model-folder.ts'
import { rowBytes } from '../engine/pipeline/batches.ts'
import { openPipeline } from '../engine/pipeline/open.ts'
import { BrokenWeights, NotFiniteError } from '../engine/runtime/finite.ts'
import { storyModel } from './open.ts'
import type { CharacterMasks } from './sharing/masks.ts'
import { type GenerateOptions, type StoryEvent, type StoryModel, StoryRejected } from './types.ts'

const fox = { id: 'fox', name: 'Fern', description: 'a red fox in a blue coat' }
const two = { characters: [fox], frames: [{ prompt: 'Fern waves' }, { prompt: 'Fern sleeps' }], steps: 3 }

for (const [name, folder] of Object.entries({ sd15, sdxl })) {
  test(`${name}: a story of two frames that share attention, any size, again the same`, async (t) => {
    const { model } = await open(t, folder)
    const events = await generate(model, two)
    assert.deepEqual(
      events.map((event) => (event.type === 'stage' ? event.stage : event.type === 'step' ? event.step : event.type)),
      // PNDM calls the model once more than there are steps.
      [
        'encoding_text',
        'sampling',
        1,
        2,
        3,
        ...(name === 'sd15' ? [4] : []),
        'bank',
        'decoding',
        'frame',
        'report',
        'frame',
      ],
    )
    const all = pictures(events)
    assert.deepEqual(pictures(await generate(model, two)), all)
    const alone = pictures(await generate(model, { ...two, consistency: { synchronizer: 0 } }))
    for (const frame of [0, 1]) assert.notDeepEqual(alone[frame], all[frame])
    const [first] = await Array.fromAsync(frames(model, { ...two, width: 136, height: 72, scheduler: 'euler' }))
    assert.deepEqual([first!.width, first!.height, first!.rgb.length], [136, 72, 136 * 72 * 3])
    assert.ok(new Set(first!.rgb).size > 20, 'the picture is all one colour')
  })
}

test('negative prompt, guidance and scheduler make a difference; guidance of 1 needs no unconditional rows', async (t) => {
  const { model, rows } = await open(t, sdxl)
  const usual = pictures(await generate(model, two))[0]
  const both = rows.splice(0)
  const changes: Partial<StoryInput>[] = [
    { negative_prompt: 'blurry' },
    { guidance_scale: 2 },
    { guidance_rescale: 0.7 },
    { guidance_interval: [0.3, 1] },
    { clip_skip: 1 },
    { scheduler: 'ddim' },
  ]
  for (const change of changes)
    assert.notDeepEqual(pictures(await generate(model, { ...two, ...change }))[0], usual, JSON.stringify(change))
  rows.splice(0)
  await generate(model, { ...two, guidance_scale: 1 })
  assert.deepEqual(
    [both, rows],
    [
      // At the first step nobody knows yet where anybody is, and both halves are one call.
      [4, 2, 2, 2, 2],
      [2, 2, 2],
    ],
  )
})

test('each of several characters is in its own column, in the order of the prompt, unless the layout is free', async (t) => {
  const { pipeline } = await open(t, sdxl)
  const seen: CharacterMasks[] = []
  const model = storyModel(pipeline, { onMasks: (masks) => seen.push(masks[0]!) })
  const owl = { id: 'owl', name: 'Ola', description: 'a white owl in a green hat' }
  const both = { characters: [fox, owl], frames: [{ prompt: 'Ola waves and Fern sits in the snow' }], steps: 2 }
  const inLayout = async (layout?: 'columns' | 'free') =>
    pictures(await generate(model, { ...both, consistency: { layout } }))
  const [columns, free, usual] = [await inLayout('columns'), await inLayout('free'), await inLayout()]
  assert.notDeepEqual(columns, free)
  assert.deepEqual(usual, free, 'a checkpoint that was not trained on columns reads a prompt as a whole')
  const halves = (masks: CharacterMasks) =>
    masks.map((mask) => {
      const side = Math.sqrt(mask!.length)
      return [0, 1].map((half) => mask!.some((bit, p) => bit === 1 && Math.floor((2 * (p % side)) / side) === half))
    })
  assert.deepEqual(halves(seen[0]!), [
    [false, true],
    [true, false],
  ])
  assert.notDeepEqual(halves(seen[1]!), halves(seen[0]!))
  const one = { ...both, frames: [{ prompt: 'Ola waves in the snow' }] }
  const alone = async (layout: 'columns' | 'free') =>
    pictures(await generate(model, { ...one, consistency: { layout } }))
  assert.deepEqual(await alone('columns'), await alone('free'))
})

test('frames of one, two and three characters in one call are what they are alone', async (t) => {
  const { model, pipeline } = await open(t, sd15)
  const owl = { id: 'owl', name: 'Ola', description: 'a white owl in a green hat' }
  const pig = { id: 'pig', name: 'Pip', description: 'a pink pig' }
  const story = {
    ...{ characters: [fox, owl, pig], steps: 2, consistency: { layout: 'columns', synchronizer: 0 } as const },
    frames: [
      'Fern waves',
      'Ola and Fern sit in the snow',
      'Pip reads, Fern jumps and Ola sleeps',
      'a wood at night',
    ].map((prompt) => ({ prompt })),
  }
  const whole = pictures(await generate(model, story))
  const apart = storyModel(pipeline, { callBytes: 1 })
  near(pictures(await generate(apart, story)), whole)
})

test('a long story in small calls is the same story; frames already there are neither sampled nor missed', async (t) => {
  const { model, pipeline, rows } = await open(t, sdxl)
  const long = { ...two, frames: Array.from({ length: 6 }, (_, i) => ({ prompt: `Fern on day ${i}` })) }
  const whole = pictures(await generate(model, long))
  assert.deepEqual(rows.splice(0), [12, 6, 6, 6, 6])
  const bytes = rowBytes(pipeline.denoiser.config, { width: 16, height: 16 })
  const small = storyModel(pipeline, { callBytes: 3.5 * bytes })
  near(pictures(await generate(small, long)), whole)
  // The two anchors are in every conditional call; unconditional rows attend to nobody, and have calls of their own.
  const step = [3, 3, 1, 3, 1, 3, 1, 3]
  assert.deepEqual(rows.splice(0), [...step, ...step, ...step])
  const last = pictures(await generate(model, long, { skip: new Set([0, 1, 2, 3, 4]) }))
  assert.deepEqual(rows.splice(0), [6, 3, 3, 3, 3])
  near(last, { 5: whole[5]! })
  assert.deepEqual(await generate(model, long, { skip: new Set([0, 1, 2, 3, 4, 5]) }), [])
})

test('frames that need more memory than there is are refused with the figures, after giving back what is held', async (t) => {
  const { model, pipeline } = await open(t, sd15)
  t.mock.method(process, 'availableMemory', () => 100_000)
  await assert.rejects(
    generate(model, two),
    (error) => error instanceof StoryRejected && /2 frames of 128×128 must be sampled together/.test(error.message),
  )
  assert.equal(pipeline.denoiser.part.isOpen, false)
})

test('a story cancelled in the middle stops at the next step and gives back all sessions; the next one is generated', async (t) => {
  const { model, pipeline } = await open(t, sdxl)
  const expected = pictures(await generate(model, two))
  const parts = [...pipeline.text.parts, pipeline.denoiser.part, pipeline.autoencoder.decoder]
  const open_ = () => parts.map((part) => part.isOpen)
  assert.deepEqual(open_(), [true, true, true, true])

  const stop = new AbortController()
  const seen: StoryEvent['type'][] = []
  const cancelled = async () => {
    for await (const event of model.generate(StoryRequest.parse(two), { seed: 1, signal: stop.signal })) {
      seen.push(event.type)
      if (event.type === 'step') stop.abort(new Error('canceled by its owner'))
    }
  }
  await assert.rejects(cancelled(), /canceled by its owner/)
  assert.deepEqual(seen, ['stage', 'stage', 'step'])
  assert.deepEqual(open_(), [false, false, false, false])

  assert.deepEqual(pictures(await generate(model, two)), expected)
  for await (const event of model.generate(StoryRequest.parse(two), { seed: 1, signal: new AbortController().signal }))
    if (event.type === 'frame') break
  assert.deepEqual(open_(), [false, false, false, false])
  await assert.rejects(generate(model, two, { signal: AbortSignal.abort(new Error('too late')) }), /too late/)
})

test('a tensor that is broken is no fault of the story: the part, the step, the tensor and its file are named', async (t) => {
  const nan = async (part: string, file: string, tensor: string) => {
    const folder = copyModel(t, sdxl)
    fillTensor(join(folder, part, file), tensor, Number.NaN)
    const { model } = await open(t, folder)
    return (reason: RegExp) =>
      assert.rejects(generate(model, two), (error) => error instanceof BrokenWeights && reason.test(error.message))
  }
  const unet = await nan('unet', 'diffusion_pytorch_model.safetensors', 'conv_out.bias')
  await unet(/^unet, step 1: tensor 'conv_out\.bias' in .*unet.*\.safetensors.*\d+ of \d+ outputs are not finite/)
  const text = await nan('text_encoder_2', 'model.safetensors', 'text_model.embeddings.token_embedding.weight')
  await text(/^text_encoder_2: .*token_embedding\.weight/)
  const vae = await nan('vae', 'diffusion_pytorch_model.safetensors', 'decoder.conv_out.bias')
  await vae(/^vae decoder: tensor 'decoder\.conv_out\.bias'/)
})

test('numbers that overflow although all weights are finite', async (t) => {
  const folder = copyModel(t, sdxl)
  fillTensor(join(folder, 'unet/diffusion_pytorch_model.safetensors'), 'conv_out.bias', 3e38)
  const { model } = await open(t, folder)
  await assert.rejects(generate(model, two), (error) => {
    assert.ok(error instanceof NotFiniteError)
    return /^unet, step 2: \d+ of \d+ outputs are not finite.*its weights are finite/.test(error.message)
  })
})

test('sizes and schedulers that the model has not are the fault of the story', async (t) => {
  const { model, pipeline } = await open(t, sd15)
  const rejected = (change: Partial<StoryInput>, reason: RegExp) =>
    assert.rejects(generate(model, { ...two, ...change }), (error) => {
      assert.ok(error instanceof StoryRejected)
      assert.match(error.message, reason)
      return true
    })
  await rejected({ width: 512 }, /512×128 is too large; pipeline draws up to 256×256/)
  await rejected({ clip_skip: 4 }, /clip_skip 4: the text encoder of pipeline has 3 layers to skip/)
  await rejected({ scheduler: 'flow-match-euler' }, /does not fit this model; ddim, ddpm, euler/)
  assert.equal(pipeline.denoiser.part.isOpen, true, 'and cost no reopening')
})

/** The model, its pipeline, and the rows of each call of its UNet as they are made. */
async function open(t: TestContext, folder: string) {
  const opened = await openPipeline(folder, {})
  const rows: number[] = []
  const denoiser: typeof opened.denoiser = {
    ...opened.denoiser,
    run(call) {
      rows.push(call.rows.length)
      return opened.denoiser.run(call)
    },
  }
  const pipeline = { ...opened, denoiser }
  const model = storyModel(pipeline)
  t.after(() => model.close())
  return { model, pipeline, rows }
}

function generate(model: StoryModel, story: StoryInput, options: Partial<GenerateOptions> = {}): Promise<StoryEvent[]> {
  const signal = new AbortController().signal
  return Array.fromAsync(model.generate(StoryRequest.parse(story), { seed: 5, signal, ...options }))
}

async function* frames(model: StoryModel, story: StoryInput) {
  for (const event of await generate(model, story)) if (event.type === 'frame') yield event.frame
}

function pictures(events: readonly StoryEvent[]): Record<number, Uint8Array> {
  return Object.fromEntries(
    events.flatMap((event) => (event.type === 'frame' ? [[event.frame.index, event.frame.rgb]] : [])),
  )
}

/** Calls of other sizes may round otherwise: a level of 255 at most. */
function near(a: Record<number, Uint8Array>, b: Record<number, Uint8Array>): void {
  assert.deepEqual(Object.keys(a), Object.keys(b))
  for (const [frame, rgb] of Object.entries(a)) {
    const most = rgb.reduce((max, value, i) => Math.max(max, Math.abs(value - b[Number(frame)]![i]!)), 0)
    assert.ok(most <= 1, `frame ${frame} differs by ${most}`)
  }
}
