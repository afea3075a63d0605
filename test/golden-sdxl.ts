/**
 * The golden SDXL UNet whose IP-Adapter weights are golden too, as a model folder. Its text encoders, tokenizers,
 * autoencoder and scheduler are those of `e2e-sdxl-tiny`; the golden data has no image encoder that fits these adapters.
 */
import { cpSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gaussian } from '../gpu-runner/src/engine/diffusion/noise.ts'
import { input } from '../gpu-runner/src/engine/graph/value.ts'
import { openSafetensors, writeSafetensors } from '../gpu-runner/src/engine/io/safetensors.ts'
import { ClipVisionConfig, clipVision } from '../gpu-runner/src/engine/models/clip-vision.ts'
import { randomTensors, wantedTensors } from '../gpu-runner/src/lab/checkpoints/random-weights.ts'
import { copyModel, editJson, sdxl } from './model-folder.ts'

const unet = join(import.meta.dirname, 'golden/unet-sdxl-tiny')
const adapters = join(import.meta.dirname, 'golden/ip-adapter-sdxl-tiny')

export const sdxlAdapters = { base: join(adapters, 'base.safetensors'), plus: join(adapters, 'plus.safetensors') }

/** As the adapters want it: `base` reads embeddings of 20, `plus` hidden states of 36. */
const imageEncoder = {
  model_type: 'clip_vision_model',
  hidden_act: 'gelu',
  ...{ hidden_size: 36, intermediate_size: 144, num_attention_heads: 3, num_hidden_layers: 3, projection_dim: 20 },
  ...{ image_size: 32, patch_size: 8 },
}

/** The folder; the adapter is for `PipelineOptions.ipAdapter`. */
export function goldenSdxl(t: TestContext): string {
  const folder = copyModel(t, sdxl)
  rmSync(join(folder, 'unet'), { recursive: true })
  mkdirSync(join(folder, 'unet'))
  for (const file of ['config.json', 'diffusion_pytorch_model.safetensors'])
    cpSync(join(unet, file), join(folder, 'unet', file))
  widenProjection(join(folder, 'text_encoder_2'), 24)
  writeImageEncoder(join(folder, 'image_encoder'))
  return folder
}

/** The UNet takes pooled text of another width than the encoder gives: zeros make up for it. */
function widenProjection(folder: string, width: number): void {
  const [path, name] = [join(folder, 'model.safetensors'), 'text_projection.weight']
  const checkpoint = openSafetensors(path)
  const tensors = Object.fromEntries(
    [...checkpoint.tensors].map(([key, { dtype, shape }]) => {
      if (key !== name) return [key, { dtype, shape, data: checkpoint.bytes(key) }]
      const data = new Float32Array(width * shape[1]!)
      data.set(checkpoint.read(key))
      return [key, { dtype: 'F32' as const, shape: [width, shape[1]!], data }]
    }),
  )
  rmSync(path)
  writeSafetensors(path, tensors)
  editJson(join(folder, 'config.json'), { projection_dim: width })
}

function writeImageEncoder(folder: string): void {
  mkdirSync(folder)
  writeFileSync(join(folder, 'config.json'), JSON.stringify(imageEncoder))
  const config = ClipVisionConfig.parse(imageEncoder)
  const pixels = input('pixels', ['batch', config.channels, config.imageSize, config.imageSize])
  const normals = gaussian({ seed: 1, story: '', frame: 'image encoder', stream: 0 }, 99_991)
  let at = 0
  const tensors = randomTensors(
    wantedTensors((weights) => clipVision(pixels, weights, config)),
    'F32',
    () => normals[at++]!,
  )
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
}
