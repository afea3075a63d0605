/** Cases of kind `vae`: encode, sample and decode. */
import { join } from 'node:path'
import { add, mul, offset, scale } from '../../engine/graph/arithmetic.ts'
import { input } from '../../engine/graph/value.ts'
import { AutoencoderConfig, decode, encode, posterior } from '../../engine/models/autoencoder-kl.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import { checkAll, type Device, type GoldenCase, inputOf, readJson, weightsOf } from './case.ts'
import type { Check } from './compare.ts'

export async function* vae(golden: GoldenCase, device: Device): AsyncGenerator<Check> {
  const folder = weightsOf(golden, 'vae')
  const encoder = await openEncoder(folder, device)
  const decoder = await openDecoder(folder, device)
  try {
    for (const { id } of golden.json.runs) {
      const has = (name: string) => golden.inputs.tensors.has(`${id}.${name}`)
      if (has('image')) {
        const image = inputOf(golden, `${id}.image`)
        const [n, , height, width] = image.shape as [number, number, number, number]
        const shape = [n, encoder.config.latentChannels, ...[height, width].map((size) => encoder.latentSize(size))]
        const noise = has('noise')
          ? inputOf(golden, `${id}.noise`)
          : { data: new Float32Array(shape.reduce((a, b) => a * b)), shape }
        yield* checkAll(golden, id, await encoder.session.run({ image, noise }))
      }
      if (has('latent'))
        yield* checkAll(golden, id, await decoder.session.run({ latent: inputOf(golden, `${id}.latent`) }))
    }
  } finally {
    await encoder.session.close()
    await decoder.session.close()
  }
}

/** image[N,3,H,W] and unit noise to every stage of the encoding, under the names of the cases. */
async function openEncoder(folder: string, device: Device) {
  const config = AutoencoderConfig.parse(readJson(join(folder, 'config.json')))
  const moments = encode(input('image', ['batch', config.inChannels, 'height', 'width']), vaeWeights(folder), config)
  const { mean, logvar, std } = posterior(moments, config)
  const sampled = add(mean, mul(std, input('noise', mean.shape)))
  const scaled = scale(offset(sampled, -config.shiftFactor), config.scalingFactor)
  const outputs = { moments, mean, logvar, std, sampled, sampled_scaled: scaled }
  const session = await openSession(outputs, { weights: folder, device })
  // Each level but the last pads one row at the end and takes every second.
  const latentSize = (size: number) => config.channels.slice(1).reduce((rest) => Math.floor(rest / 2), size)
  return { config, session, latentSize }
}

/** latent[N,L,h,w], unscaled, to `decoded`. */
async function openDecoder(folder: string, device: Device) {
  const config = AutoencoderConfig.parse(readJson(join(folder, 'config.json')))
  const latent = input('latent', ['batch', config.latentChannels, 'height', 'width'])
  const decoded = decode(latent, vaeWeights(folder), config)
  return { config, session: await openSession({ decoded }, { weights: folder, device }) }
}

const vaeWeights = (folder: string) => modelWeights(folder, 'diffusion_pytorch_model')
