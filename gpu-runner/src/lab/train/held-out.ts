/** The figure that says whether a denoiser heeds its captions: its loss on unseen frames, with the right and a wrong one. */
import { gaussian } from '../../engine/diffusion/noise.ts'
import { add, mul, sub } from '../../engine/graph/arithmetic.ts'
import { meanSquare } from '../../engine/graph/reduce.ts'
import { input } from '../../engine/graph/value.ts'
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { type ClipTextConfig, clipText } from '../../engine/models/clip-text.ts'
import { unet } from '../../engine/models/unet.ts'
import type { UNetConfig } from '../../engine/models/unet-config.ts'
import { openSession } from '../../engine/runtime/session.ts'
import { captionFrame } from '../storydb/caption.ts'
import { captionTokens, tokenise } from './captions.ts'
import { LatentPool, type PoolOptions } from './latent-pool.ts'
import { ParameterSet } from './parameters.ts'
import { randomAt } from './random.ts'
import { idBatch } from './stage-text-encoder.ts'
import type { Trainer } from './trainer.ts'

export interface HeldOutOptions {
  /** How many are measured. */
  frames: number
  pool: PoolOptions
  unetConfig: UNetConfig
  textConfig: ClipTextConfig
  tokenizer: Tokenizer
}

export interface HeldOutLoss {
  /** Mean squared error of the velocity with each frame's own caption. */
  right: number
  /** The same with the caption of another frame. */
  wrong: number
}

/** A function that measures a trainer's averaged parameters; frames, noise and levels are always the same. */
export async function openHeldOut(options: HeldOutOptions): Promise<(trainer: Trainer) => Promise<HeldOutLoss>> {
  const { frames, pool: poolOptions, unetConfig, textConfig, tokenizer } = options
  const pool = await LatentPool.open({ ...poolOptions, split: 'held-out', fresh: frames, capacity: frames })
  const items = await pool.batch(0, frames, randomAt(0, 0))
  await pool.close()
  const shape = [frames, ...pool.latentShape]
  const parameters = new ParameterSet()
  const [z, noise, sigma] = [input('latent', shape), input('noise', shape), input('sigma', [frames, 1, 1, 1])]
  const context = clipText(
    input('ids', [frames, captionTokens], 'int64'),
    parameters.weights('text_encoder.'),
    textConfig,
  ).last
  const inputs = { sample: add(z, mul(sigma, sub(noise, z))), timestep: input('timestep', [frames]), context }
  const velocity = unet(inputs, parameters.weights('unet.'), unetConfig)
  const session = await openSession({ loss: meanSquare(sub(velocity, sub(noise, z))) })

  const size = shape.reduce((a, b) => a * b, 1)
  const levels = Float32Array.from({ length: frames }, (_, i) => (i + 0.5) / frames)
  const latent = new Float32Array(size)
  for (const [i, item] of items.entries()) latent.set(item.latent, (i * size) / frames)
  const fixed = {
    latent: { data: latent, shape },
    noise: { data: gaussian({ seed: 0, story: 'held-out', frame: '', stream: 0 }, size), shape },
    sigma: { data: levels, shape: [frames, 1, 1, 1] },
    timestep: { data: levels.map((level) => 1000 * level), shape: [frames] },
  }
  const captions = items.map(
    ({ frame, style }, i) => tokenise(captionFrame(frame, { variant: i, style }).segments, tokenizer).ids,
  )
  const turned = [...captions.slice(1), captions[0]!]
  return async (trainer) => {
    const measure = async (ids: readonly number[][]) => {
      const { loss } = await session.run({ ...trainer.averagedTensors(), ...fixed, ids: idBatch(ids) })
      return Number(loss!.data[0])
    }
    return { right: await measure(captions), wrong: await measure(turned) }
  }
}
