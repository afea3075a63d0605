import assert from 'node:assert/strict'
import { mkdirSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { copyModel, editJson, sd15, sdxl } from '../../../../test/model-folder.ts'
import { openSafetensors, writeSafetensors } from '../io/safetensors.ts'
import { encodeConditioning, promptIds } from './conditioning.ts'
import { openPipeline, type PipelineOptions } from './open.ts'
import { ModelError } from './source.ts'

test('what a folder is: name, kind and size of SD and SDXL', async () => {
  for (const [folder, kind, takesSizes] of [
    [sd15, 'sd', false],
    [sdxl, 'sdxl', true],
  ] as const) {
    const pipeline = await openPipeline(folder, {})
    assert.deepEqual(
      [pipeline.name, pipeline.kind, pipeline.size, pipeline.takesSizes, pipeline.text.length],
      ['pipeline', kind, 128, takesSizes, 77],
    )
    await pipeline.release()
  }
})

test('half-precision variants, shards and links, under every name they are saved by, give the same numbers', async (t) => {
  const expected = await prediction(sd15)
  const changes: ((folder: string) => void)[] = [
    (folder) => {
      const path = (part: string, name: string) => join(folder, part, `${name}.safetensors`)
      renameSync(path('unet', 'diffusion_pytorch_model'), path('unet', 'diffusion_pytorch_model.fp16'))
      renameSync(path('vae', 'diffusion_pytorch_model'), path('vae', 'diffusion_pytorch_model.fp16'))
      renameSync(path('text_encoder', 'model'), path('text_encoder', 'model.fp16'))
      rmSync(join(folder, 'image_encoder'), { recursive: true })
    },
    (folder) => {
      const [file, blob] = [join(folder, 'unet/diffusion_pytorch_model.safetensors'), join(folder, 'blob')]
      renameSync(file, blob)
      symlinkSync(blob, file)
    },
    (folder) =>
      shard(join(folder, 'unet'), 'diffusion_pytorch_model', 'diffusion_pytorch_model.safetensors.index.json'),
    (folder) =>
      shard(join(folder, 'unet'), 'diffusion_pytorch_model', 'diffusion_pytorch_model.safetensors.index.fp16.json'),
  ]
  for (const change of changes) {
    const folder = copyModel(t, sd15)
    change(folder)
    assert.deepEqual(await prediction(folder), expected)
  }
})

test('a model computes the same bytes on any number of threads', async () => {
  const expected = await prediction(sd15, { threads: 1 })
  for (const threads of [2, 4]) assert.deepEqual(await prediction(sd15, { threads }), expected)
})

test('a folder that is no model, or not one for here: a ModelError that names the file and says why', async (t) => {
  await refused('/nowhere/at-all', /\/nowhere\/at-all\/model_index\.json is missing; the folder is no model/)
  await broken(t, sd15, /no known model; StableDiffusionPipeline and StableDiffusionXLPipeline are/, (folder) =>
    editJson(join(folder, 'model_index.json'), { _class_name: 'FluxPipeline' }),
  )
  await broken(t, sd15, /'UNet3DConditionModel' is no known unet; UNet2DConditionModel are/, (folder) =>
    editJson(join(folder, 'model_index.json'), { unet: ['diffusers', 'UNet3DConditionModel'] }),
  )
  await broken(t, sdxl, /lacks the folder 'text_encoder_2'/, (folder) =>
    rmSync(join(folder, 'text_encoder_2'), { recursive: true }),
  )
  await broken(t, sd15, /unet has no weights.*\.bin files must be saved as safetensors/, (folder) => {
    const weights = join(folder, 'unet/diffusion_pytorch_model.safetensors')
    renameSync(weights, weights.replace('.safetensors', '.bin'))
  })
  await broken(t, sd15, /vae\/config\.json is missing/, (folder) => rmSync(join(folder, 'vae/config.json')))
  await broken(t, sd15, /vae\/config\.json is no JSON/, (folder) => writeFileSync(join(folder, 'vae/config.json'), '{'))
  await broken(t, sd15, /'AutoencoderDC' is no known autoencoder/, (folder) =>
    editJson(join(folder, 'vae/config.json'), { _class_name: 'AutoencoderDC' }),
  )
  await broken(t, sd15, /tokenizer\/vocab\.json/, (folder) => rmSync(join(folder, 'tokenizer/vocab.json')))
  await broken(t, sd15, /scheduler\/scheduler_config\.json/, (folder) =>
    rmSync(join(folder, 'scheduler/scheduler_config.json')),
  )
})

test('parts that do not fit: the tensor or the sizes are named', async (t) => {
  await broken(
    t,
    sd15,
    /unet\/diffusion_pytorch_model\.safetensors: time_embedding\.linear_1\.weight: has shape \[64,16\], the model needs \[96,24\]/,
    (folder) => editJson(join(folder, 'unet/config.json'), { block_out_channels: [24, 24, 32, 32] }),
  )
  await broken(t, sd15, /unet\/.*down_blocks\.0\.resnets\.1\..*no such tensor/, (folder) =>
    editJson(join(folder, 'unet/config.json'), { layers_per_block: 2 }),
  )
  await broken(t, sd15, /the UNet takes text of width 40, the text encoders give 24/, (folder) =>
    editJson(join(folder, 'unet/config.json'), { cross_attention_dim: 40 }),
  )
  await broken(t, sd15, /77 tokens, the model takes 60/, (folder) =>
    editJson(join(folder, 'text_encoder/config.json'), { max_position_embeddings: 60 }),
  )
  await broken(
    t,
    sdxl,
    /the UNet needs pooled text and picture sizes; model_index\.json names another class/,
    (folder) => {
      editJson(join(folder, 'model_index.json'), { _class_name: 'StableDiffusionPipeline' })
      editJson(join(folder, 'unet/config.json'), { cross_attention_dim: 16 })
    },
  )
  await broken(t, sd15, /from 9 to 4 channels and the autoencoder has 4.*inpainting/, (folder) => {
    const path = join(folder, 'unet/diffusion_pytorch_model.safetensors')
    const { tensors, bytes } = openSafetensors(path)
    const copied = [...tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape, data: bytes(name) }] as const)
    const wide = { dtype: 'F32' as const, shape: [16, 9, 3, 3], data: new Float32Array(16 * 9 * 9) }
    writeSafetensors(path, { ...Object.fromEntries(copied), 'conv_in.weight': wide })
    editJson(join(folder, 'unet/config.json'), { in_channels: 9 })
  })
  await broken(t, sd15, /^\/.*unet\/diffusion_pytorch_model\.safetensors: .*are not within/, (folder) =>
    truncateSync(join(folder, 'unet/diffusion_pytorch_model.safetensors'), 900_000),
  )
})

test('a scheduler that cannot make a schedule is found when the folder is opened', async (t) => {
  const scheduler = (changes: Record<string, unknown>) => (folder: string) =>
    editJson(join(folder, 'scheduler/scheduler_config.json'), changes)
  const unknown = /scheduler\/scheduler_config\.json: no scheduler "KDPM2DiscreteScheduler"; there are .*DDIMScheduler/
  await broken(t, sd15, unknown, scheduler({ _class_name: 'KDPM2DiscreteScheduler' }))
  await broken(t, sd15, /scheduler_config\.json: no scheduler undefined/, scheduler({ _class_name: undefined }))
  await broken(t, sd15, /scheduler_config\.json: beta_schedule is "steep"/, scheduler({ beta_schedule: 'steep' }))
})

test('what only a picture would need is checked when the folder is opened too', async (t) => {
  await broken(t, sd15, /vae\/.*encoder\.conv_in\.weight: the checkpoint has no such tensor/, (folder) => {
    const path = join(folder, 'vae/diffusion_pytorch_model.safetensors')
    const { tensors, bytes } = openSafetensors(path)
    const decoder = [...tensors].filter(([name]) => !name.startsWith('encoder.'))
    const stored = decoder.map(([name, { dtype, shape }]) => [name, { dtype, shape, data: bytes(name) }] as const)
    writeSafetensors(path, Object.fromEntries(stored))
  })
  await broken(t, sd15, /tokenizer 1 has \d+ entries, and its text_encoder reads 20/, (folder) => {
    const path = join(folder, 'text_encoder/model.safetensors')
    const { tensors, bytes } = openSafetensors(path)
    const stored = [...tensors].map(([name, { dtype, shape }]) => [name, { dtype, shape, data: bytes(name) }] as const)
    const table = { dtype: 'F32' as const, shape: [20, 24], data: new Float32Array(20 * 24) }
    writeSafetensors(path, { ...Object.fromEntries(stored), 'text_model.embeddings.token_embedding.weight': table })
    editJson(join(folder, 'text_encoder/config.json'), { vocab_size: 20 })
  })
})

async function refused(folder: string, reason: RegExp): Promise<void> {
  await assert.rejects(openPipeline(folder, {}), (error) => {
    assert.ok(error instanceof ModelError, String(error))
    assert.match(error.message, reason)
    return true
  })
}

async function broken(t: TestContext, model: string, reason: RegExp, change: (folder: string) => void): Promise<void> {
  const folder = copyModel(t, model)
  change(folder)
  await refused(folder, reason)
}

/** What the UNet says to one prompt, and the decoder to that. */
async function prediction(folder: string, options: PipelineOptions = {}): Promise<[Float32Array, Float32Array]> {
  const pipeline = await openPipeline(folder, options)
  const prompts = [promptIds('a red fox', pipeline.text)]
  const { conditional } = await encodeConditioning(pipeline, { prompts, size: [64, 64] })
  const latent = Float32Array.from({ length: 4 * 64 }, (_, i) => Math.sin(i))
  const grid = { width: 8, height: 8 }
  const { outputs } = await pipeline.denoiser.run({ rows: [{ ...conditional[0]!, latent }], grid, timestep: 300 })
  const picture = await pipeline.autoencoder.decode({ data: outputs[0]!, shape: [1, 4, 8, 8] })
  await pipeline.release()
  return [Float32Array.from(outputs[0]!), picture.data as Float32Array]
}

/** Replace a file by two shards and their list. */
function shard(folder: string, base: string, list: string): void {
  const path = join(folder, `${base}.safetensors`)
  const { tensors, bytes } = openSafetensors(path)
  const names = [...tensors.keys()]
  const map: Record<string, string> = {}
  for (const part of [0, 1]) {
    const file = `${base}-0000${part + 1}-of-00002.safetensors`
    const own = names.filter((_, i) => i % 2 === part)
    for (const name of own) map[name] = file
    const stored = own.map((name) => {
      const { dtype, shape } = tensors.get(name)!
      return [name, { dtype, shape, data: bytes(name) }] as const
    })
    writeSafetensors(join(folder, file), Object.fromEntries(stored))
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, list), JSON.stringify({ metadata: {}, weight_map: map }))
  rmSync(path)
}
