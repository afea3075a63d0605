/** The identity encoder of a model: reference pictures to the tokens that its ID-Injector or IP-Adapter reads. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { add, mul } from '../graph/arithmetic.ts'
import { reshape } from '../graph/shape.ts'
import { constant, input, known, type Value } from '../graph/value.ts'
import { openSafetensors } from '../io/safetensors.ts'
import { CharacterEncoderConfig, characterEncoder } from '../models/character-encoder.ts'
import { ClipVisionConfig, clipVision } from '../models/clip-vision.ts'
import { type AdapterConfig, adapterConfig, imageTokens } from '../models/ip-adapter.ts'
import type { Weights } from '../nn/weights.ts'
import { changedWeights, storedWeights } from '../runtime/model-weights.ts'
import type { SessionOptions } from '../runtime/session.ts'
import { stacked, unstacked } from '../runtime/tensor.ts'
import { type Calibration, calibrationFile, readCalibration } from './calibration.ts'
import { folderPart } from './folder.ts'
import { Part } from './part.ts'
import { ModelError, type ModelKind, type ModelPart, type ModelSource } from './source.ts'

export interface IdentityEncoder {
  /** The adapter's file, whose layers the UNet takes. */
  readonly file: string
  /** Side in pixels of the pictures that it reads. */
  readonly side: number
  /** Tokens that a picture becomes, and the width of each. */
  readonly tokens: number
  readonly width: number
  /** Whether the adapter was trained together with this UNet, with masks of where each character is. */
  readonly located: boolean
  /** Planes [3,side,side] in −1 … 1 → tokens [T,X]. */
  encode(pictures: readonly Float32Array[]): Promise<Float32Array[]>
  /** From its similarities to probabilities; null where the model was never calibrated. */
  readonly calibration: Calibration | null
  readonly part: Part
}

/**
 * Beside the model, unless another file is named: ours, then those that tencent-ailab publishes, faces first. The ones of
 * SDXL read a ViT-bigG unless their name says ViT-H.
 */
const usualFiles: Readonly<Record<ModelKind, readonly string[]>> = {
  sd: [
    'ip_adapter.safetensors',
    ...['plus-face', 'full-face', 'plus'].map((kind) => `ip-adapter-${kind}_sd15.safetensors`),
    'ip-adapter_sd15.safetensors',
  ],
  sdxl: [
    'ip_adapter.safetensors',
    ...['plus-face', 'plus'].map((kind) => `ip-adapter-${kind}_sdxl_vit-h.safetensors`),
    ...['ip-adapter_sdxl_vit-h.safetensors', 'ip-adapter_sdxl.safetensors'],
  ],
}

/** Other files than the model's own. */
export interface OwnAdapter {
  /** An adapter's file. */
  readonly file?: string | undefined
  /** The folder of the image encoder that it reads. */
  readonly encoder?: string | undefined
}

/** Null where the model folder has no adapter and none is given: such a model cannot use reference pictures. */
export function buildIdentityEncoder(
  source: ModelSource,
  options: SessionOptions,
  { file: given, encoder: givenEncoder }: OwnAdapter = {},
): IdentityEncoder | null {
  const found = usualFiles[source.kind].map((name) => source.beside(name)).find((path) => existsSync(path))
  const file = given ?? found
  if (file === undefined) return null
  const encoder = givenEncoder ?? encoderFor(source, file)
  if (!existsSync(join(encoder, 'config.json')))
    throw new ModelError(
      `${encoder} is missing: the adapter ${file} reads what an image encoder says of a picture; --image-encoder names another folder`,
    )
  const checkpoint = openSafetensors(file)
  const read = adapterConfig(checkpoint.tensors)
  const from = folderPart(encoder)
  const opened = changedWeights(from.checkpoint(), [], 'unet', [checkpoint])
  const { side, located, embeds } = imageEmbeds(from, opened.weights, read)
  // All states of the encoder become tokens where the adapter has none of its own.
  const adapter = { ...read, tokens: read.tokens || known(embeds().shape[2], 'identity: tokens') }
  const tokens = fitting(file, encoder, () => {
    const all = imageTokens(embeds(), storedWeights(checkpoint, opened.root, 'adapter.'), adapter)
    return reshape(all, ['batch', adapter.tokens, adapter.width])
  })
  const part = new Part('image encoder', () => ({ tokens }), opened, options)
  return {
    ...{ file, side, located, part },
    ...{ tokens: adapter.tokens, width: adapter.width },
    // The calibration is of the model's own adapter, and does not hold for another.
    calibration:
      given === undefined ? readCalibration(source.beside(calibrationFile), [adapter.tokens, adapter.width]) : null,
    async encode(pictures) {
      const { tokens } = await part.run({ pixels: stacked(pictures, [3, side, side]) })
      // Copies: what is kept of one picture does not hold the batch.
      return unstacked(tokens!, pictures.length).map((own) => own.slice())
    },
  }
}

/** An adapter of SDXL may lie beside encoders of both kinds. */
function encoderFor(source: ModelSource, file: string): string {
  const beside = ['image_encoder', 'models/image_encoder', 'sdxl_models/image_encoder']
  const order = /_sdxl\.safetensors$/.test(file) ? beside.toReversed() : beside
  const found = order.map((name) => source.beside(name)).find((path) => existsSync(join(path, 'config.json')))
  return found ?? source.beside('image_encoder')
}

/** The result of `build`; `ModelError` where the adapter does not accept what the image encoder computes. */
function fitting<T>(file: string, encoder: string, build: () => T): T {
  try {
    return build()
  } catch (error) {
    // The message names tensors and files whose shapes clash; which of the two is wrong cannot be known.
    const message = error instanceof Error ? error.message : String(error)
    throw new ModelError(`${file} does not fit the image encoder in ${encoder}: ${message}`, { cause: error })
  }
}

/** The input of the adapter, [N,1,E] or [N,1,S,E], from `pixels`. */
function imageEmbeds(from: ModelPart, weights: Weights, { kind }: AdapterConfig) {
  const own = from.config(z.looseObject({ _class_name: z.string().optional() }))
  if (own._class_name === 'CharacterEncoder') {
    const config = from.config(CharacterEncoderConfig)
    const embeds = (): Value => {
      const features = characterEncoder(input('pixels', ['batch', 3, config.size, config.size]), weights, config)
      const [, s, c] = features.shape as [unknown, number, number]
      return reshape(features, kind === 'base' ? ['batch', 1, s * c] : ['batch', 1, s, c])
    }
    return { side: config.size, located: true, embeds }
  }
  const config = from.config(ClipVisionConfig)
  const embeds = (): Value => {
    const pixels = clipNormalised(input('pixels', ['batch', 3, config.imageSize, config.imageSize]))
    const { hidden, imageEmbeds } = clipVision(pixels, weights, config)
    if (kind === 'base') return reshape(imageEmbeds, ['batch', 1, config.projection])
    const before = hidden.at(-2)!
    return reshape(before, ['batch', 1, before.shape[1]!, config.width])
  }
  return { side: config.imageSize, located: false, embeds }
}

/** Of the pictures that CLIP was trained on, by channel, in 0 … 1. */
const clip = { mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711] }

/** Planes in −1 … 1 as CLIP takes them. */
function clipNormalised(pixels: Value): Value {
  const factor = clip.deviation.map((deviation) => 0.5 / deviation)
  const shift = clip.mean.map((mean, c) => (0.5 - mean) / clip.deviation[c]!)
  const byChannel = (values: readonly number[]) => constant(Float32Array.from(values), [1, 3, 1, 1])
  return add(mul(pixels, byChannel(factor)), byChannel(shift))
}
