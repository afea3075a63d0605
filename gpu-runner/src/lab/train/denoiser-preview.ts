/** Sheets of what the denoiser generates so far: renders of unseen combinations, and below them its pictures of their captions. */
import { join } from 'node:path'
import { gaussian } from '../../engine/diffusion/noise.ts'
import { guide, sample } from '../../engine/diffusion/sample.ts'
import { createSchedule } from '../../engine/diffusion/schedulers/index.ts'
import { div } from '../../engine/graph/arithmetic.ts'
import { attention } from '../../engine/graph/attention.ts'
import { input, scalar } from '../../engine/graph/value.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { layerName } from '../../engine/models/attention-maps.ts'
import { type AutoencoderTinyConfig, decodeTiny } from '../../engine/models/autoencoder-tiny.ts'
import { type ClipTextConfig, clipText } from '../../engine/models/clip-text.ts'
import type { AttentionCall } from '../../engine/models/transformer-block.ts'
import { unet } from '../../engine/models/unet.ts'
import type { UNetConfig } from '../../engine/models/unet-config.ts'
import { levelOf } from '../../engine/pipeline/attention-plan.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import { captionStyle } from '../storydb/caption.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import { captionBiasFeeds, columnCaptions, emptyCaptions } from './caption-feeds.ts'
import { captionTokens, maxCharacters } from './captions.ts'
import { scheduler } from './export.ts'
import type { PoolRecipe } from './latent-pool.ts'
import { ParameterSet } from './parameters.ts'
import { type SheetRecipe, writeSheet } from './pictures.ts'
import { captionBiases } from './set-loss.ts'
import { idBatch } from './stage-text-encoder.ts'
import type { Trainer } from './trainer.ts'

export interface PreviewOptions extends PoolRecipe {
  sheet: SheetRecipe
  folder: string
  unetConfig: UNetConfig
  textConfig: ClipTextConfig
  vaeConfig: AutoencoderTinyConfig
  tokenizer: Tokenizer
  seed: number
}

const guidance = 3

/** A function that draws the sheet with a trainer's averaged parameters, sampled as the exported model samples. */
export async function openPreview(options: PreviewOptions): Promise<(trainer: Trainer, path: string) => Promise<void>> {
  const { folder, unetConfig, textConfig, vaeConfig, tokenizer, size, levels, seed, sheet } = options
  const { columns: count, steps } = sheet
  const side = size / vaeConfig.factor
  const parameters = new ParameterSet()
  const ids = input('ids', ['captions', captionTokens], 'int64')
  const latents = input('sample', ['batch', vaeConfig.latentChannels, side, side])
  const context = input('context', ['batch', maxCharacters * captionTokens, textConfig.width])
  const text = await openSession({ context: clipText(ids, parameters.weights('text_encoder.'), textConfig).last })
  const inputs = { sample: latents, timestep: input('timestep', ['batch']), context }
  const biasOf = captionBiases('batch')
  const cross = (call: AttentionCall) => {
    const { q, k, v, heads } = call
    return attention(q, k, v, heads, biasOf(levelOf(layerName(call), unetConfig).level, q.shape[1]!))
  }
  const denoiser = await openSession({ velocity: unet(inputs, parameters.weights('unet.'), unetConfig, { cross }) })
  const frames = Array.from(
    { length: 2 * count },
    (_, i) => randomFrames(seed ^ 0x5eed, i, 1, { level: levels[i % levels.length]!, split: 'held-out' })[0]!,
  )
  const captions = frames.map((frame, i) => {
    const options = { variant: i, style: captionStyle(levels[i % levels.length]!) }
    return columnCaptions(frame, options, tokenizer).map(({ ids }) => ids)
  })
  const nothing = frames.map(() => emptyCaptions(null, tokenizer).map(({ ids }) => ids))
  const biases = captionBiasFeeds([...frames, ...frames], { width: side, height: side }, unetConfig.channels.length)
  const rendered = frames.map((frame) => renderFrame(frame, size).rgb)
  const truth = rgbPlanes(rendered, { width: size, height: size })

  return async (trainer, path) => {
    const feeds = trainer.averagedTensors()
    const n = captions.length
    const encoded = await text.run({ ...feeds, ids: idBatch([...nothing, ...captions].flat()) })
    const shared = {
      ...biases,
      context: { ...encoded.context!, shape: [2 * n, maxCharacters * captionTokens, textConfig.width] },
    }
    const shape = [n, vaeConfig.latentChannels, side, side]
    const noise = gaussian(
      { seed, story: 'preview', frame: '0', stream: 0 },
      shape.reduce((a, b) => a * b, 1),
    )
    const denoise = async (both: Float32Array, time: number) => {
      const pair = { data: both, shape: [2 * n, ...shape.slice(1)] }
      const timestep = { data: new Float32Array(2 * n).fill(time), shape: [2 * n] }
      return (await denoiser.run({ ...feeds, ...shared, sample: pair, timestep })).velocity!.data as Float32Array
    }
    let x: Float32Array = noise
    const guided = async (one: Float32Array, timestep: number) =>
      guide(await denoise(Float32Array.from([...one, ...one]), timestep), guidance)
    for await (const step of sample({ schedule: createSchedule(scheduler, { steps }), denoise: guided, noise }))
      x = step.x
    // The decoder is opened anew each time: it may have been trained further meanwhile.
    const vae = join(folder, 'vae')
    const latent = div(input('latent', ['batch', ...shape.slice(1)]), scalar(vaeConfig.scalingFactor))
    const picture = decodeTiny(latent, modelWeights(vae, 'diffusion_pytorch_model'), vaeConfig)
    const decoder = await openSession({ picture }, { weights: vae })
    const drawn = (await decoder.run({ latent: { data: x, shape } })).picture!
    await decoder.close()
    const half = (tensor: { data: unknown; shape: readonly number[] }, i: number) => {
      const [, ...rest] = tensor.shape
      const length = count * rest.reduce((a, b) => a * b, 1)
      return { data: (tensor.data as Float32Array).subarray(i * length, (i + 1) * length), shape: [count, ...rest] }
    }
    await writeSheet(path, [half(truth, 0), half(drawn, 0), half(truth, 1), half(drawn, 1)])
  }
}
