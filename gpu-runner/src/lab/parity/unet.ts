/** Cases of kind `unet`: the prediction for every run, all sizes and batches through one graph. */
import { join } from 'node:path'
import { input, known, type Value } from '../../engine/graph/value.ts'
import { unet as buildUNet, type UNetInputs } from '../../engine/models/unet.ts'
import { parseUNetConfig, type UNetConfig } from '../../engine/models/unet-config.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { checkAll, type Device, type GoldenCase, inputOf, readJson, timestepOf, weightsOf } from './case.ts'
import type { Check } from './compare.ts'

export async function* unet(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const folder = weightsOf(golden, 'unet')
  const config = parseUNetConfig(readJson(join(folder, 'config.json')))
  const weights = modelWeights(folder, 'diffusion_pytorch_model')
  for (const { id } of golden.json.runs.slice(0, 1)) {
    const out = buildUNet(unetInputs(config, unetFeeds(golden, id), 'dynamic'), weights, config)
    const session = await openSession({ out }, { weights: folder, device })
    try {
      for (const run of golden.json.runs) yield* checkAll(golden, run.id, await session.run(unetFeeds(golden, run.id)))
    } finally {
      await session.close()
    }
  }
}

/** The UNet's inputs of a run, as they are fed. */
export function unetFeeds(golden: GoldenCase, run: string): Record<string, HostTensor> {
  const sample = inputOf(golden, `${run}.sample`)
  const feeds: Record<string, HostTensor> = {
    sample,
    timestep: timestepOf(golden, `${run}.timestep`, sample.shape[0]!),
    context: inputOf(golden, `${run}.encoder_hidden_states`),
  }
  if (golden.inputs.tensors.has(`${run}.time_ids`)) {
    feeds.textEmbeds = inputOf(golden, `${run}.text_embeds`)
    feeds.timeIds = inputOf(golden, `${run}.time_ids`)
  }
  return feeds
}

/** Graph inputs for `feeds`, of their very sizes or, 'dynamic', of any batch, size and number of tokens. */
export function unetInputs(
  config: UNetConfig,
  feeds: Readonly<Record<string, HostTensor>>,
  sizes: 'fixed' | 'dynamic',
): UNetInputs {
  const value = (name: string, shape: (string | number)[]): Value =>
    input(name, sizes === 'fixed' ? feeds[name]!.shape : shape)
  const pooled = feeds.textEmbeds ? known(feeds.textEmbeds.shape[1], 'text_embeds width') : 0
  return {
    sample: value('sample', ['batch', config.inChannels, 'height', 'width']),
    timestep: value('timestep', ['batch']),
    context: value('context', ['batch', 'tokens', config.contextWidth]),
    ...(feeds.textEmbeds && {
      textEmbeds: value('textEmbeds', ['batch', pooled]),
      timeIds: value('timeIds', ['batch', feeds.timeIds!.shape[1]!]),
    }),
  }
}
