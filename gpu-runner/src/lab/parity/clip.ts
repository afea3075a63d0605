/** Cases of kind `clip_text` and `clip_vision`: all hidden states, pooled and projected embeddings. */
import { join } from 'node:path'
import { input, type Value } from '../../engine/graph/value.ts'
import {
  clipText as buildText,
  ClipTextConfig,
  finalNorm,
  pooledText,
  projectedText,
} from '../../engine/models/clip-text.ts'
import { clipVision as buildVision, ClipVisionConfig } from '../../engine/models/clip-vision.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { Session } from '../../engine/runtime/tensor.ts'
import { checkAll, type Device, type GoldenCase, inputOf, readJson, weightsOf } from './case.ts'
import type { Check } from './compare.ts'

export async function* clipText(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  for (const { id } of golden.json.runs) {
    const { data, shape } = inputOf(golden, `${id}.input_ids`)
    const session = await openText(weightsOf(golden, 'text_encoder'), shape[1]!, device)
    try {
      yield* checkAll(golden, id, await session.run({ ids: { data: BigInt64Array.from(data, BigInt), shape } }))
    } finally {
      await session.close()
    }
  }
}

export async function* clipVision(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const session = await openVision(weightsOf(golden, 'image_encoder'), device)
  try {
    for (const { id } of golden.json.runs)
      yield* checkAll(golden, id, await session.run({ pixels: inputOf(golden, `${id}.pixel_values`) }))
  } finally {
    await session.close()
  }
}

/** ids[N,length] to everything a pipeline may take from a text encoder, under the names of the cases. */
async function openText(folder: string, length: number, device: Device): Promise<Session> {
  const config = ClipTextConfig.parse(readJson(join(folder, 'config.json')))
  const weights = modelWeights(folder, 'model')
  const ids = input('ids', ['batch', length], 'int64')
  const { hidden, last } = buildText(ids, weights, config)
  const pooled = pooledText(ids, last, config)
  const outputs: Record<string, Value> = { ...states(hidden), last_hidden_state: last, pooler_output: pooled }
  for (let skip = 1; skip < hidden.length; skip++)
    outputs[`sd_clip_skip_${skip}`] = finalNorm(hidden.at(-1 - skip)!, weights, config)
  if (weights.has('text_projection.weight')) outputs.text_embeds = projectedText(pooled, weights, config)
  return openSession(outputs, { weights: folder, device })
}

/** pixels[N,3,S,S] to everything an adapter may take from an image encoder, under the names of the cases. */
export async function openVision(folder: string, device: Device): Promise<Session> {
  const config = ClipVisionConfig.parse(readJson(join(folder, 'config.json')))
  const pixels = input('pixels', ['batch', config.channels, config.imageSize, config.imageSize])
  const { hidden, pooled, imageEmbeds } = buildVision(pixels, modelWeights(folder, 'model'), config)
  const outputs = {
    ...states(hidden),
    last_hidden_state: hidden.at(-1)!,
    penultimate: hidden.at(-2)!,
    pooler_output: pooled,
    image_embeds: imageEmbeds,
  }
  return openSession(outputs, { weights: folder, device })
}

const states = (hidden: readonly Value[]) =>
  Object.fromEntries(hidden.map((value, i) => [`hidden_states.${i}`, value] as const))
