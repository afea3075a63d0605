/** Cases of kind `attn_maps` and `ip_adapter`: a UNet whose cross-attention is recorded, or given pictures. */
import { join } from 'node:path'
import { scale as times } from '../../engine/graph/arithmetic.ts'
import { total } from '../../engine/graph/reduce.ts'
import { reshape, slice } from '../../engine/graph/shape.ts'
import { input, type Value } from '../../engine/graph/value.ts'
import { openCheckpoint, openSafetensors } from '../../engine/io/safetensors.ts'
import { recordMaps } from '../../engine/models/attention-maps.ts'
import { downsampledMasks, withAdapters } from '../../engine/models/ip-adapter.ts'
import { unet } from '../../engine/models/unet.ts'
import { parseUNetConfig } from '../../engine/models/unet-config.ts'
import { adapterInputs, embedsName, type PictureAdapter } from '../../engine/pipeline/adapters.ts'
import { changedWeights, modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import {
  checkAll,
  type Device,
  type GoldenCase,
  inputOf,
  NotUnderstood,
  outputsOf,
  readJson,
  weightsOf,
} from './case.ts'
import type { Check } from './compare.ts'
import { unetFeeds, unetInputs } from './unet.ts'

export async function* attentionMaps(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const folder = weightsOf(golden, 'unet')
  const config = parseUNetConfig(readJson(join(folder, 'config.json')))
  for (const { id } of golden.json.runs) {
    const feeds = unetFeeds(golden, id)
    const maps = new Map<string, Value>()
    const hooks = { cross: recordMaps(maps) }
    const weights = modelWeights(folder, 'diffusion_pytorch_model')
    const outputs: Record<string, Value> = { out: unet(unetInputs(config, feeds, 'fixed'), weights, config, hooks) }
    const sizes = Map.groupBy(maps.values(), ({ shape: [, height, width] }) => `${height}x${width}`)
    for (const [name, map] of maps) outputs[`probs.${name}`] = map
    for (const [size, alike] of sizes) outputs[`mean_probs.${size}`] = times(total(alike), 1 / alike.length)
    const session = await openSession(outputs, { weights: folder, device })
    try {
      yield* checkAll(golden, id, await session.run(feeds))
    } finally {
      await session.close()
    }
  }
}

export async function* ipAdapter(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const folder = weightsOf(golden, 'unet')
  const config = parseUNetConfig(readJson(join(folder, 'config.json')))
  for (const run of golden.json.runs) {
    const { adapters, scale } = run
    if (!Array.isArray(adapters) || !Array.isArray(scale)) throw new NotUnderstood(`${run.id}: no adapters or no scale`)
    const feeds = unetFeeds(golden, run.id)
    const given = adapters.map((file, i): PictureAdapter & { embeds: HostTensor } => {
      const embeds = inputOf(golden, `${run.id}.image_embeds.${i}`)
      const mask = `${run.id}.mask.${i}`
      return {
        file: join(golden.folder, String(file)),
        embeds,
        embedShape: embeds.shape.slice(1),
        scale: scale[i] as number | number[],
        ...(golden.inputs.tensors.has(mask) && { masks: inputOf(golden, mask) }),
      }
    })
    const files = given.map(({ file }) => openSafetensors(file))
    const { weights, root } = changedWeights(openCheckpoint(folder, 'diffusion_pytorch_model'), [], 'unet', files)
    const { adapters: opened, feeds: more } = adapterInputs(given, root)
    for (const [i, { embeds }] of given.entries()) more[embedsName(i)] = embeds
    const hooks = { cross: withAdapters(opened, config) }
    const outputs: Record<string, Value> = { out: unet(unetInputs(config, feeds, 'fixed'), weights, config, hooks) }
    const tokens = opened.map((adapter) => adapter.tokens)
    for (const [i, value] of tokens.entries()) outputs[`image_tokens.${i}`] = value
    for (const name of outputsOf(golden, run.id)) {
      const size = /^mask(\d+)_downsampled\.(\d+)x(\d+)$/.exec(name)
      if (size)
        outputs[name] = firstMask(given[Number(size[1])]?.masks, Number(size[1]), Number(size[2]), Number(size[3]))
    }
    const session = await openSession(outputs, { weights: root, device })
    try {
      yield* checkAll(golden, run.id, await session.run({ ...feeds, ...more }))
    } finally {
      await session.close()
    }
  }
}

/** The first of an adapter's masks as a layer of h×w pixels sees it, [1,h,w]. */
function firstMask(masks: HostTensor | undefined, i: number, h: number, w: number): Value {
  if (!masks) throw new NotUnderstood(`adapter ${i} has no masks`)
  return reshape(slice(downsampledMasks(input(`masks${i}`, masks.shape), h * w), 1, 0, 1), [1, h, w])
}
