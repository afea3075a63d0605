/** Training of the autoencoder on crops of freshly rendered frames. */
import { abs, add, mul, scale, sub } from '../../engine/graph/arithmetic.ts'
import { mean, meanSquare } from '../../engine/graph/reduce.ts'
import { slice } from '../../engine/graph/shape.ts'
import { input, known, type Value } from '../../engine/graph/value.ts'
import { type AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../../engine/models/autoencoder-tiny.ts'
import type { Weights } from '../../engine/nn/weights.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Frame, Split } from '../storydb/types.ts'
import type { PoolRecipe } from './latent-pool.ts'
import type { ParameterSet } from './parameters.ts'
import type { Random } from './random.ts'

export interface AutoencoderRecipe {
  batch: number
  /** Side of the crops, in pixels. */
  crop: number
  /** Latents get noise of a deviation drawn from 0 to this. */
  latentNoise: number
}

/** A frame that crops are cut from. */
export interface CropSource {
  frame: Frame
  rgb: Uint8Array
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

/** Frame `index` of the endless row that `seed` names. */
export function cropSource(
  seed: number,
  index: number,
  { levels, size }: PoolRecipe,
  split: Split = 'train',
): CropSource {
  const [frame] = randomFrames(seed, index, 1, { level: levels[index % levels.length]!, split })
  return { frame: frame!, rgb: renderFrame(frame!, size).rgb }
}

/** One random crop of each source, half of them around some part of a character; RGB in −1 … 1, [N,3,crop,crop]. */
export function crops(sources: readonly CropSource[], size: number, crop: number, random: Random): HostTensor {
  const data = new Float32Array(sources.length * 3 * crop * crop)
  for (const [i, { frame, rgb }] of sources.entries()) {
    const [top, left] = cropCorner(frame, size, crop, random)
    for (let channel = 0; channel < 3; channel++)
      for (let y = 0; y < crop; y++)
        for (let x = 0; x < crop; x++)
          data[((i * 3 + channel) * crop + y) * crop + x] =
            rgb[((top + y) * size + left + x) * 3 + channel]! / 127.5 - 1
  }
  return { data, shape: [sources.length, 3, crop, crop] }
}

/** Row and column of a crop's upper left pixel. */
function cropCorner({ actors }: Frame, size: number, crop: number, random: Random): [number, number] {
  const most = size - crop
  if (random.uniform() < 0.5) return [random.below(most + 1), random.below(most + 1)]
  const { x, y, height } = actors[random.below(actors.length)]!
  const corner = (middle: number) => Math.min(most, Math.max(0, Math.round(middle * size - crop / 2)))
  return [corner(y - height * random.uniform()), corner(x + height * 0.5 * (random.uniform() - 0.5))]
}

/** Mean square error of two batches of pictures. */
export function errorOf(a: HostTensor, b: HostTensor): number {
  const [x, y] = [a.data as Float32Array, b.data as Float32Array]
  return x.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0) / x.length
}

/** Peak signal-to-noise ratio in dB of a mean square error between pictures in −1 … 1, where the peak signal is 2. */
export function psnr(mse: number): number {
  return 10 * Math.log10(4 / mse)
}
