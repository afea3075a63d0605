/** Single frames to train on, encoded once and met several times. */
import type { AutoencoderTinyConfig } from '../../engine/models/autoencoder-tiny.ts'
import { type CaptionStyle, captionStyle } from '../storydb/caption.ts'
import { randomFrames } from '../storydb/frames.ts'
import type { Level } from '../storydb/levels.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Frame, Split } from '../storydb/types.ts'
import { type EncodedFrame, FrameEncoder } from './frame-encoder.ts'
import type { Random } from './random.ts'
import { Window, type WindowRecipe } from './window.ts'

export interface PoolRecipe extends WindowRecipe {
  /** Frames are drawn from these levels in turn. */
  levels: readonly Level[]
  /** Picture side in pixels. */
  size: number
}

export interface PoolOptions extends PoolRecipe {
  /** The model folder, for its autoencoder. */
  folder: string
  config: AutoencoderTinyConfig
  seed: number
  split?: Split
}

export interface PooledFrame extends EncodedFrame {
  frame: Frame
  /** The wording of its captions. */
  style: CaptionStyle
}

/** The endless row of frames that `seed` names. */
export class LatentPool {
  readonly latentShape: readonly [number, number, number]
  readonly #encoder: FrameEncoder
  readonly #window: Window<PooledFrame>

  static async open(options: PoolOptions): Promise<LatentPool> {
    return new LatentPool(options, await FrameEncoder.open(options))
  }

  private constructor(options: PoolOptions, encoder: FrameEncoder) {
    const { seed, levels, size, split = 'train' } = options
    this.latentShape = encoder.latentShape
    this.#encoder = encoder
    this.#window = new Window(options, async (indices) => {
      const drawn = indices.map((index) => {
        const level = levels[index % levels.length]!
        return { frame: randomFrames(seed, index, 1, { level, split })[0]!, style: captionStyle(level) }
      })
      const encoded = await encoder.encode(drawn.map(({ frame }) => renderFrame(frame, size)))
      return encoded.map((own, i) => ({ ...own, ...drawn[i]! }))
    })
  }

  batch(step: number, size: number, random: Random): Promise<PooledFrame[]> {
    return this.#window.batch(step, size, random)
  }

  close(): Promise<void> {
    return this.#encoder.close()
  }
}
