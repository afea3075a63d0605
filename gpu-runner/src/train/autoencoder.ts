/** Training of the autoencoder on crops of freshly rendered frames. */
import { abs, add, mul, scale, sub } from '../graph/arithmetic.ts'
import { mean, meanSquare } from '../graph/reduce.ts'
import { slice } from '../graph/shape.ts'
import { input, known, type Value } from '../graph/value.ts'
import { type AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../models/autoencoder-tiny.ts'
import type { Weights } from '../nn/weights.ts'
import type { HostTensor } from '../runtime/session.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Frame, Level } from '../storydb/types.ts'
import type { ParameterSet } from './parameters.ts'
import type { Random } from './random.ts'

export interface AutoencoderRecipe {
  /** Frames are drawn from these levels in turn. */
  levels: readonly Level[]
  batch: number
  /** Side of the crops and of the frames they are cut from, in pixels. */
  crop: number
  size: number
  /** Crops cut from one frame: drawing a frame costs as much as training on a few of them. */
  cropsPerFrame: number
  /** Latents get noise of a deviation drawn from 0 to this. */
  latentNoise: number
}

/**
 * L1 + ½ L1 of the picture's slopes + ½ MSE, the mix that kept edges sharp. The encoder is given; latents are shaken a
 * little, so that the decoder forgives a denoiser's small errors.
 */
export function decoderLoss(
  config: AutoencoderTinyConfig,
  recipe: AutoencoderRecipe,
  encoder: Weights,
  parameters: ParameterSet,
) {
  const { batch, crop } = recipe
  const image = input('image', [batch, 3, crop, crop])
  const latent = encodeTiny(image, encoder, config)
  const noisy = add(latent, mul(input('noise', latent.shape), input('noiseScale', [batch, 1, 1, 1])))
  const error = sub(decodeTiny(noisy, parameters.weights(''), config), image)
  const slopes = add(mean(abs(difference(error, 2))), mean(abs(difference(error, 3))))
  const loss = add(add(mean(abs(error)), scale(meanSquare(error), 0.5)), scale(slopes, 0.5))
  return { loss, mse: meanSquare(error), latentShape: latent.shape as number[] }
}

/** Differences of neighbours along one axis. */
function difference(x: Value, axis: number): Value {
  const size = known(x.shape[axis], 'difference: the axis')
  return sub(slice(x, axis, 1, size), slice(x, axis, 0, size - 1))
}

/** Random crops of random frames, RGB in −1 … 1. */
export function cropBatch(recipe: AutoencoderRecipe, seed: number, step: number, random: Random): HostTensor {
  const { batch, crop, size, levels, cropsPerFrame } = recipe
  const data = new Float32Array(batch * 3 * crop * crop)
  let rgb: Uint8Array = new Uint8Array()
  for (let i = 0; i < batch; i++) {
    if (i % cropsPerFrame === 0) rgb = renderFrame(oneFrame(seed, (step * batch + i) / cropsPerFrame, levels), size).rgb
    const [top, left] = [random.below(size - crop + 1), random.below(size - crop + 1)]
    for (let channel = 0; channel < 3; channel++)
      for (let y = 0; y < crop; y++)
        for (let x = 0; x < crop; x++)
          data[((i * 3 + channel) * crop + y) * crop + x] =
            rgb[((top + y) * size + left + x) * 3 + channel]! / 127.5 - 1
  }
  return { data, shape: [batch, 3, crop, crop] }
}

function oneFrame(seed: number, index: number, levels: readonly Level[]): Frame {
  const level = levels[index % levels.length]!
  return randomFrames(seed, index, 1, { level, split: 'train' })[0]!
}

/** Peak signal-to-noise ratio in dB of a mean square error between pictures in −1 … 1, where the peak signal is 2. */
export function psnr(mse: number): number {
  return 10 * Math.log10(4 / mse)
}
