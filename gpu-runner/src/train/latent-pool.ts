/** Frames as the denoiser trains on them: latents and masks, encoded once and met several times. */
import { join } from 'node:path'
import { input } from '../graph/value.ts'
import type { AutoencoderTinyConfig } from '../models/autoencoder-tiny.ts'
import { encodeTiny } from '../models/autoencoder-tiny.ts'
import { modelWeights } from '../runtime/model-weights.ts'
import { type HostTensor, openSession, type Session } from '../runtime/session.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Frame, Level, RenderedFrame, Split } from '../storydb/types.ts'
import { groups, maxCharacters, parts } from './captions.ts'
import type { Random } from './random.ts'

export interface PoolRecipe {
  /** Frames are drawn from these levels in turn. */
  levels: readonly Level[]
  /** Picture side in pixels. */
  size: number
  /** New frames in a batch; the rest has been seen before. */
  fresh: number
  /** Frames that are kept. */
  capacity: number
}

export interface PoolOptions extends PoolRecipe {
  /** The model folder, for its autoencoder. */
  folder: string
  config: AutoencoderTinyConfig
  seed: number
  split?: Split
}

export interface PooledFrame {
  frame: Frame
  /** Scaled latent [L,h,w]. */
  latent: Float32Array
  /** Area-averaged masks [groups,h,w], 0 … 255. */
  masks: Uint8Array
}

/**
 * A window over the endless row of frames that `seed` names: batch n holds `fresh` frames that come next in the row and
 * others drawn from the `capacity` before them. Which ones is a function of seed and step, and what is not at hand is
 * rendered again, so that a resumed run meets the same frames.
 */
export class LatentPool {
  readonly latentShape: readonly [number, number, number]
  readonly #options: PoolOptions
  readonly #session: Session
  readonly #kept = new Map<number, PooledFrame>()

  static async open(options: PoolOptions): Promise<LatentPool> {
    const weights = modelWeights(join(options.folder, 'vae'), 'diffusion_pytorch_model')
    const image = input('image', ['batch', 3, options.size, options.size])
    const latent = encodeTiny(image, weights, options.config)
    return new LatentPool(options, await openSession({ latent }, { weights: join(options.folder, 'vae') }))
  }

  private constructor(options: PoolOptions, session: Session) {
    this.#options = options
    this.#session = session
    const side = options.size / options.config.factor
    this.latentShape = [options.config.latentChannels, side, side]
  }

  async batch(step: number, size: number, random: Random): Promise<PooledFrame[]> {
    const { fresh, capacity } = this.#options
    const next = step * fresh
    const first = Math.max(0, next - capacity)
    const wanted = Array.from({ length: size }, (_, i) =>
      i < fresh || next === first ? next + i : first + random.below(next - first),
    )
    await this.#encode([...new Set(wanted)].filter((index) => !this.#kept.has(index)))
    for (const index of this.#kept.keys()) {
      if (this.#kept.size <= capacity + size) break
      this.#kept.delete(index)
    }
    return wanted.map((index) => this.#kept.get(index)!)
  }

  close(): Promise<void> {
    return this.#session.close()
  }

  async #encode(indices: readonly number[]): Promise<void> {
    if (indices.length === 0) return
    const { size, seed, levels, config, split = 'train' } = this.#options
    const frames = indices.map(
      (index) => randomFrames(seed, index, 1, { level: levels[index % levels.length]!, split })[0]!,
    )
    const rendered = frames.map((frame) => renderFrame(frame, size))
    const { latent } = await this.#session.run({
      image: pictureBatch(
        rendered.map(({ rgb }) => rgb),
        size,
      ),
    })
    const values = latent!.data as Float32Array
    const length = values.length / indices.length
    for (const [i, index] of indices.entries()) {
      const own = values.slice(i * length, (i + 1) * length).map((x) => x * config.scalingFactor)
      this.#kept.set(index, {
        frame: frames[i]!,
        latent: own,
        masks: areaMasks(rendered[i]!, size, this.latentShape[1]),
      })
    }
  }
}

/** Interleaved bytes as one float batch [N,3,size,size] in −1 … 1. */
export function pictureBatch(pictures: readonly Uint8Array[], size: number): HostTensor {
  const plane = size * size
  const data = new Float32Array(pictures.length * 3 * plane)
  for (const [i, rgb] of pictures.entries())
    for (let p = 0; p < plane; p++)
      for (let c = 0; c < 3; c++) data[(i * 3 + c) * plane + p] = rgb[p * 3 + c]! / 127.5 - 1
  return { data, shape: [pictures.length, 3, size, size] }
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
