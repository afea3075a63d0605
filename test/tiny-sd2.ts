/** Stable Diffusion 2 in small, with random weights: matrices in and out of its transformers, and open_clip's activation. */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { gaussian } from '../gpu-runner/src/engine/diffusion/noise.ts'
import { input } from '../gpu-runner/src/engine/graph/value.ts'
import { writeSafetensors } from '../gpu-runner/src/engine/io/safetensors.ts'
import { ClipTextConfig, clipText } from '../gpu-runner/src/engine/models/clip-text.ts'
import { unet } from '../gpu-runner/src/engine/models/unet.ts'
import { parseUNetConfig } from '../gpu-runner/src/engine/models/unet-config.ts'
import type { Weights } from '../gpu-runner/src/engine/nn/weights.ts'
import { randomTensors, wantedTensors } from '../gpu-runner/src/lab/checkpoints/random-weights.ts'
import { copyModel, editJson, sd15 } from './model-folder.ts'

const textEncoder = {
  model_type: 'clip_text_model',
  hidden_act: 'gelu',
  ...{ hidden_size: 24, intermediate_size: 96, num_attention_heads: 3, num_hidden_layers: 3, projection_dim: 24 },
  ...{ vocab_size: 1514, max_position_embeddings: 77 },
}
const denoiser = {
  _class_name: 'UNet2DConditionModel',
  ...{ in_channels: 4, out_channels: 4, sample_size: 16, layers_per_block: 1, norm_num_groups: 8 },
  ...{ block_out_channels: [16, 24, 32, 32], attention_head_dim: [2, 3, 4, 4], cross_attention_dim: 24 },
  use_linear_projection: true,
}

export function tinySd2(t: TestContext): string {
  const folder = copyModel(t, sd15)
  rmSync(join(folder, 'image_encoder'), { recursive: true })
  const config = parseUNetConfig(denoiser)
  const text = ClipTextConfig.parse(textEncoder)
  write(join(folder, 'unet'), 'diffusion_pytorch_model', denoiser, (w) =>
    unet(
      {
        sample: input('sample', ['batch', 4, 'height', 'width']),
        timestep: input('timestep', ['batch']),
        context: input('context', ['batch', 77, 24]),
      },
      w,
      config,
    ),
  )
  write(join(folder, 'text_encoder'), 'model', textEncoder, (w) =>
    clipText(input('ids', ['batch', 77], 'int64'), w, text),
  )
  editJson(join(folder, 'scheduler/scheduler_config.json'), { prediction_type: 'v_prediction' })
  return folder
}

function write(folder: string, base: string, config: object, build: (w: Weights) => unknown): void {
  const normals = gaussian({ seed: 2, story: '', frame: base, stream: 0 }, 99_991)
  let at = 0
  writeSafetensors(
    join(folder, `${base}.safetensors`),
    randomTensors(wantedTensors(build), 'F32', () => normals[at++]!),
  )
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config))
}
