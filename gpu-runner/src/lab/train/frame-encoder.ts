/** Frames as the denoiser trains on them: their latents, and where in those each part of each character is. */
import { join } from 'node:path'
import { input } from '../../engine/graph/value.ts'
import { rgbPlanes } from '../../engine/io/pixels.ts'
import type { AutoencoderTinyConfig } from '../../engine/models/autoencoder-tiny.ts'
import { encodeTiny } from '../../engine/models/autoencoder-tiny.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { Session } from '../../engine/runtime/tensor.ts'
import type { RenderedFrame } from '../storydb/types.ts'
import { groups, maxCharacters, parts } from './captions.ts'

export interface EncodedFrame {
  /** Scaled latent [L,h,w]. */
  latent: Float32Array
  /** Area-averaged masks [groups,h,w], 0 … 255. */
  masks: Uint8Array
}

export interface FrameEncoderOptions {
  /** The model folder, for its autoencoder. */
  folder: string
  config: AutoencoderTinyConfig
  /** Picture side in pixels. */
  size: number
}

export class FrameEncoder {
  readonly latentShape: readonly [number, number, number]
  readonly #options: FrameEncoderOptions
  readonly #session: Session

  static async open(options: FrameEncoderOptions): Promise<FrameEncoder> {
    const weights = modelWeights(join(options.folder, 'vae'), 'diffusion_pytorch_model')
    const image = input('image', ['batch', 3, options.size, options.size])
    const latent = encodeTiny(image, weights, options.config)
    return new FrameEncoder(options, await openSession({ latent }, { weights: join(options.folder, 'vae') }))
  }

  private constructor(options: FrameEncoderOptions, session: Session) {
    this.#options = options
    this.#session = session
    const side = options.size / options.config.factor
    this.latentShape = [options.config.latentChannels, side, side]
  }

  async encode(rendered: readonly RenderedFrame[]): Promise<EncodedFrame[]> {
    const { size, config } = this.#options
    const pictures = rendered.map(({ rgb }) => rgb)
    const { latent } = await this.#session.run({ image: rgbPlanes(pictures, { width: size, height: size }) })
    const values = latent!.data as Float32Array
    const length = values.length / rendered.length
    return rendered.map((frame, i) => ({
      latent: values.slice(i * length, (i + 1) * length).map((x) => x * config.scalingFactor),
      masks: areaMasks(frame, size, this.latentShape[1]),
    }))
  }

  close(): Promise<void> {
    return this.#session.close()
  }
}

/** Mean of each part's mask over the picture area of every latent pixel; absent characters leave zeros. */
function areaMasks({ characters }: RenderedFrame, size: number, side: number): Uint8Array {
  const masks = new Uint8Array(groups * side * side)
  const block = size / side
  for (const [c, character] of characters.slice(0, maxCharacters).entries())
    for (const [p, part] of parts.entries())
      for (let y = 0; y < side; y++)
        for (let x = 0; x < side; x++) {
          let total = 0
          for (let dy = 0; dy < block; dy++)
            for (let dx = 0; dx < block; dx++) total += character[part][(y * block + dy) * size + x * block + dx]!
          masks[((c * parts.length + p) * side + y) * side + x] = Math.round(total / block ** 2)
        }
  return masks
}
