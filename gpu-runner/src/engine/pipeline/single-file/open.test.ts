import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { StoryRequest } from '../../../../../contract/story.ts'
import { sd15, sdxl } from '../../../../../test/model-folder.ts'
import { tinySd2 } from '../../../../../test/tiny-sd2.ts'
import { storyModel } from '../../../story/open.ts'
import { type NewTensor, openSafetensors, writeSafetensors } from '../../io/safetensors.ts'
import { openPipeline } from '../open.ts'
import { openSource } from '../open-source.ts'
import { ModelError } from '../source.ts'
import { writeSingleFile } from './write.ts'

const story = StoryRequest.parse({
  characters: [{ id: 'fox', name: 'Fern', description: 'a red fox in a blue coat' }],
  frames: [{ prompt: 'Fern in a forest' }],
  ...{ steps: 2, width: 64, height: 64, negative_prompt: 'blurry', clip_skip: 1 },
})

/** All bytes of the story's pictures, and what the model is known by. */
async function drawn(path: string) {
  const pipeline = await openPipeline(path, {})
  const pictures: string[] = []
  const model = storyModel(pipeline, { check: false })
  for await (const event of model.generate(story, { seed: 5, signal: new AbortController().signal }))
    if (event.type === 'frame') pictures.push(Buffer.from(event.frame.rgb).toString('base64'))
  await pipeline.release()
  const { kind, size, scheduler, zerosForEmptyPrompt } = pipeline
  return { pictures, kind, size, scheduler, zerosForEmptyPrompt, fingerprints: pipeline.fingerprints() }
}

const models: Record<string, (t: TestContext) => string> = { 'SD 1.5': () => sd15, 'SD 2': tinySd2, SDXL: () => sdxl }
for (const [name, folderOf] of Object.entries(models))
  test(`${name} in one file draws what its folder draws, to the bit, and has its fingerprint`, async (t) => {
    const folder = folderOf(t)
    const file = join(scratch(t), 'model.safetensors')
    writeSingleFile(folder, file)
    const own = await drawn(file)
    assert.equal(own.pictures.length, 1)
    assert.deepEqual(own, await drawn(folder))
  })

test('the tokenizer is CLIP’s where the file brings none, and pads as each encoder was trained', (t) => {
  const file = join(scratch(t), 'model.safetensors')
  writeSingleFile(sdxl, file)
  const bare = join(scratch(t), 'bare.safetensors')
  rewrite(file, bare, (_, tensor) => tensor, {})
  const [first, second] = [openSource(bare).tokenizer(0), openSource(bare).tokenizer(1)]
  assert.deepEqual([first.size, first.pad, second.pad], [49_408, 49_407, 0])
  assert.deepEqual(first.encode('a photo of an astronaut'), [320, 1125, 539, 550, 18376])
  assert.notEqual(openSource(file).tokenizer(0).size, first.size)
})

test('what a file was trained to predict: tensors, metadata, a .yaml beside it, its name, in this order', (t) => {
  const folder = scratch(t)
  const whole = join(folder, 'whole.safetensors')
  writeSingleFile(sdxl, whole)
  const scheduler = (name: string, metadata: Record<string, string>, more: Record<string, NewTensor> = {}) => {
    const path = join(folder, name)
    rewrite(whole, path, (_, tensor) => tensor, metadata, more)
    return openSource(path).scheduler.read() as Record<string, unknown>
  }
  const empty = { dtype: 'F32', shape: [0], data: new Float32Array() } as const
  assert.equal(scheduler('a.safetensors', {}).prediction_type, 'epsilon')
  const marked = scheduler('b.safetensors', {}, { v_pred: empty, ztsnr: empty })
  assert.deepEqual(
    [marked.prediction_type, marked.rescale_betas_zero_snr, marked.timestep_spacing],
    ['v_prediction', true, 'trailing'],
  )
  assert.equal(scheduler('c.safetensors', { 'modelspec.prediction_type': 'v' }).prediction_type, 'v_prediction')
  writeFileSync(join(folder, 'd.yaml'), 'model:\n  params:\n    parameterization: "v"\n')
  assert.equal(scheduler('d.safetensors', {}).prediction_type, 'v_prediction')
  assert.equal(scheduler('noob-vPred-1.safetensors', {}).prediction_type, 'v_prediction')
  const stated = { 'modelspec.prediction_type': 'epsilon' }
  assert.equal(scheduler('some-vpred.safetensors', stated).prediction_type, 'epsilon')
})

test('a file that lacks a part, or whose notes are no JSON: a ModelError that says which', async (t) => {
  const folder = scratch(t)
  const whole = join(folder, 'whole.safetensors')
  writeSingleFile(sd15, whole)
  const without = (start: string) => {
    const path = join(folder, 'less.safetensors')
    rewrite(whole, path, (name, tensor) => (name.startsWith(start) ? null : tensor))
    return path
  }
  const refused = (path: string, reason: RegExp) =>
    assert.rejects(openPipeline(path, {}), (error) => {
      assert.ok(error instanceof ModelError, String(error))
      assert.match(error.message, reason)
      return true
    })
  await refused(without('first_stage_model.'), /less\.safetensors holds no vae; --vae gives it one/)
  await refused(without('cond_stage_model.'), /holds a UNet and no text encoder; --unet is for it/)
  await refused(without('model.diffusion_model.out.'), /conv_norm_out\.weight: the checkpoint has no such tensor/)
  await refused(without('model.diffusion_model.input_blocks.4'), /less\.safetensors: /)
  const noted = join(folder, 'noted.safetensors')
  rewrite(whole, noted, (_, tensor) => tensor, { 'fableframe.unet': '{' })
  await refused(noted, /fableframe\.unet in its metadata is no JSON/)
  await refused(folder, /no model_index\.json; for a model of one file, name the file/)
})

test('a folder that the layout has no place for is not converted, and no file is left', (t) => {
  const out = join(scratch(t), 'mini.safetensors')
  const mini = join(import.meta.dirname, '../../../../models/story-mini')
  assert.throws(() => writeSingleFile(mini, out), /has no place for an AutoencoderTiny/)
  assert.throws(() => openSafetensors(out), /cannot be opened/)
})

type File = ReturnType<typeof openSafetensors>

/** A copy with other tensors, null for none, and other metadata. */
function rewrite(
  from: string,
  to: string,
  change: (name: string, tensor: NewTensor, file: File) => NewTensor | null,
  metadata?: Record<string, string>,
  more: Record<string, NewTensor> = {},
): void {
  const file = openSafetensors(from)
  const tensors: Record<string, NewTensor> = { ...more }
  for (const [name, { dtype, shape }] of file.tensors) {
    const changed = change(name, { dtype, shape, data: file.bytes(name) }, file)
    if (changed) tensors[name] = changed
  }
  writeSafetensors(to, tensors, metadata ?? file.metadata)
}

function scratch(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'single-file-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}
