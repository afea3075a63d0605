/** The autoencoder of a model: latents to pictures, and back. */
import { z } from 'zod'
import { inTiles, type Planes, tilingOf } from '../diffusion/tiling.ts'
import { add, mul, offset, scale } from '../graph/arithmetic.ts'
import { input, type Value } from '../graph/value.ts'
import { AutoencoderConfig, decode, encode, posterior } from '../models/autoencoder-kl.ts'
import { AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../models/autoencoder-tiny.ts'
import type { Weights } from '../nn/weights.ts'
import { changedWeights } from '../runtime/model-weights.ts'
import type { SessionOptions } from '../runtime/session.ts'
import type { HostTensor } from '../runtime/tensor.ts'
import { Part } from './part.ts'
import { ModelError, type ModelPart } from './source.ts'

export interface Autoencoder {
  readonly latentChannels: number
  /** Picture pixels along one side of a latent pixel. */
  readonly factor: number
  /**
   * Latents [N,L,h,w] as a sampler ends with → pictures [N,3,h·f,w·f], about −1 … 1. Where they would take more than
   * `mostBytes`, in tiles.
   */
  decode(latents: HostTensor, options?: { mostBytes?: number; signal?: AbortSignal }): Promise<HostTensor>
  /** Pictures [N,3,H,W] in −1 … 1 → latents [N,L,H/f,W/f]; `noise` of that size draws from what the encoder allows. */
  encode(pictures: HostTensor, noise: HostTensor): Promise<HostTensor>
  readonly decoder: Part
  readonly encoder: Part
}

/** Of all channels at full size, that decoding holds at once. */
const workingTensors = 6

const tilePixels = 512

export function buildAutoencoder(part: ModelPart, options: SessionOptions): Autoencoder {
  const { _class_name: name } = part.config(z.looseObject({ _class_name: z.string() }))
  if (name !== 'AutoencoderTiny' && name !== 'AutoencoderKL')
    throw new ModelError(`${part.path}: '${name}' is no known autoencoder; AutoencoderKL and AutoencoderTiny are`)
  const opened = changedWeights(part.checkpoint())
  const build = name === 'AutoencoderTiny' ? tiny : kl
  const { latentChannels, factor, channels, picture, latent } = build(part, opened.weights)
  const decoder = new Part('vae decoder', () => ({ picture }), opened, options)
  const encoder = new Part('vae encoder', () => ({ latent }), opened, options)
  return {
    latentChannels,
    factor,
    decoder,
    encoder,
    async decode(latents, { mostBytes = Number.POSITIVE_INFINITY, signal } = {}) {
      const [n, , height, width] = latents.shape as [number, number, number, number]
      const run = async (latent: HostTensor) => (await decoder.run({ latent })).picture!
      if (workingTensors * 4 * channels * n * height * width * factor ** 2 <= mostBytes) return run(latents)
      const tile = async (latent: Planes) => (await run(latent)) as Planes
      return inTiles(latents as Planes, tilingOf(tilePixels, factor, 'decode'), tile, signal)
    },
    encode: async (picture, noise) => (await encoder.run({ picture, noise })).latent!,
  }
}

function kl(part: ModelPart, weights: Weights) {
  const config = part.config(AutoencoderConfig)
  const picture = decode(unscaled(config), weights, config)
  const moments = encode(input('picture', ['batch', config.inChannels, 'height', 'width']), weights, config)
  const { mean, std } = posterior(moments, config)
  const latent = scaled(add(mean, mul(std, input('noise', mean.shape))), config)
  return { ...config, channels: config.channels[0]!, picture, latent }
}

function tiny(part: ModelPart, weights: Weights) {
  const config = part.config(AutoencoderTinyConfig)
  const picture = decodeTiny(unscaled(config), weights, config)
  const encoded = encodeTiny(input('picture', ['batch', config.inChannels, 'height', 'width']), weights, config)
  return { ...config, channels: config.decoderChannels.at(-1)!, picture, latent: scaled(encoded, config) }
}

interface Scaling {
  readonly latentChannels: number
  readonly scalingFactor: number
  readonly shiftFactor: number
}

function unscaled({ latentChannels, scalingFactor, shiftFactor }: Scaling): Value {
  const sized = scale(input('latent', ['batch', latentChannels, 'height', 'width']), 1 / scalingFactor)
  return shiftFactor === 0 ? sized : offset(sized, shiftFactor)
}

function scaled(latent: Value, { scalingFactor, shiftFactor }: Scaling): Value {
  return scale(shiftFactor === 0 ? latent : offset(latent, -shiftFactor), scalingFactor)
}

/** The first picture of planes [N,3,H,W] in −1 … 1 as bytes, H × W × 3. */
export function toRgb({ data, shape }: HostTensor): Uint8Array {
  const pixels = shape[2]! * shape[3]!
  const rgb = new Uint8Array(pixels * 3)
  for (let p = 0; p < pixels; p++)
    for (let c = 0; c < 3; c++) {
      const value = (Number(data[c * pixels + p]) + 1) * 127.5
      rgb[p * 3 + c] = Math.max(0, Math.min(255, Math.round(value)))
    }
  return rgb
}
