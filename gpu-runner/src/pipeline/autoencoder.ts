/** The autoencoder of a model: latents to pictures, and back. */
import { z } from 'zod'
import { add, mul, offset, scale } from '../graph/arithmetic.ts'
import { input, type Value } from '../graph/value.ts'
import { AutoencoderConfig, decode, encode, posterior } from '../models/autoencoder-kl.ts'
import { AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../models/autoencoder-tiny.ts'
import { type HostTensor, openSession, type SessionOptions } from '../runtime/session.ts'
import { ModelError, partConfig, partWeights } from './folder.ts'
import { Part } from './part.ts'

export interface Autoencoder {
  readonly latentChannels: number
  /** Picture pixels along one side of a latent pixel. */
  readonly factor: number
  /** Latents [N,L,h,w] as a sampler ends with → pictures [N,3,h·f,w·f], about −1 … 1. */
  decode(latents: HostTensor, where?: string): Promise<HostTensor>
  /** Pictures [N,3,H,W] in −1 … 1 → latents [N,L,H/f,W/f]; `noise` of that size draws from what the encoder allows. */
  encode(pictures: HostTensor, noise: HostTensor): Promise<HostTensor>
  readonly decoder: Part
  readonly encoder: Part
}

export function buildAutoencoder(folder: string, options: SessionOptions): Autoencoder {
  const { _class_name: name } = partConfig(z.looseObject({ _class_name: z.string() }), folder)
  if (name !== 'AutoencoderTiny' && name !== 'AutoencoderKL')
    throw new ModelError(`${folder}: '${name}' is no known autoencoder; AutoencoderKL and AutoencoderTiny are`)
  const { latentChannels, factor, picture, encoded } = name === 'AutoencoderTiny' ? tiny(folder) : kl(folder)
  const decoder = new Part('vae decoder', () => openSession({ picture }, { ...options, weights: folder }))
  const encoder = new Part('vae encoder', () => openSession({ latent: encoded() }, { ...options, weights: folder }))
  return {
    latentChannels,
    factor,
    decoder,
    encoder,
    decode: async (latent, where) => (await decoder.run({ latent }, where)).picture!,
    encode: async (picture, noise) => (await encoder.run({ picture, noise })).latent!,
  }
}

function kl(folder: string) {
  const config = partConfig(AutoencoderConfig, folder)
  const weights = partWeights(folder)
  const picture = decode(unscaled(config), weights, config)
  const encoded = () => {
    const moments = encode(input('picture', ['batch', config.inChannels, 'height', 'width']), weights, config)
    const { mean, std } = posterior(moments, config)
    return scaled(add(mean, mul(std, input('noise', mean.shape))), config)
  }
  return { ...config, picture, encoded }
}

function tiny(folder: string) {
  const config = partConfig(AutoencoderTinyConfig, folder)
  const weights = partWeights(folder)
  const picture = decodeTiny(unscaled(config), weights, config)
  const encoded = () =>
    scaled(encodeTiny(input('picture', ['batch', config.inChannels, 'height', 'width']), weights, config), config)
  return { ...config, picture, encoded }
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
