/** Stage 'autoencoder': trains AutoencoderTiny and leaves it under `vae/` of the model folder. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { input } from '../graph/value.ts'
import { AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../models/autoencoder-tiny.ts'
import { type HostTensor, openSession } from '../runtime/session.ts'
import { autoencoderLoss, cropBatch, psnr } from './autoencoder.ts'
import { exportWeights } from './checkpoint.ts'
import { ParameterSet } from './parameters.ts'
import { writeSheet } from './pictures.ts'
import { randomAt } from './random.ts'
import { runTraining } from './run.ts'
import type { Stage, StageOptions } from './stage.ts'
import { cosineRate, Trainer } from './trainer.ts'

export const autoencoderStage: Stage = async function* ({ recipe, folder, resume, begin, ...options }: StageOptions) {
  const { config: json, training, rate, steps } = recipe.autoencoder
  const config = AutoencoderTinyConfig.parse(json)
  const parameters = new ParameterSet()
  const { loss, mse, latentShape } = autoencoderLoss(config, training, parameters)
  const trainer = await Trainer.open({
    folder: join(folder, 'training', 'autoencoder'),
    parameters,
    loss,
    outputs: { mse },
    seed: options.seed,
    rate: cosineRate(rate, 100, steps),
    adam: { emaDecay: 0.998, weightDecay: 0 },
    resume,
    ...(begin ? { begin } : {}),
  })
  const evaluator = await openEvaluator(config, training.size)
  const fixed = cropBatch({ ...training, batch: 8, crop: training.size }, options.seed ^ 0x5eed, 0, randomAt(1, 1))
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch: training.batch,
      steps,
      feeds: (step, random) => ({
        image: cropBatch(training, options.seed, step, random),
        noise: { data: random.normals(latentShape.reduce((a, b) => a * b, 1)), shape: latentShape },
      }),
      sheet: async () => {
        const { scalingFactor, pictures } = await evaluator.reconstruct(trainer, fixed)
        await writeSheet(join(folder, 'training', 'autoencoder.png'), [fixed, pictures])
        const target = join(folder, 'vae')
        mkdirSync(target, { recursive: true })
        writeFileSync(join(target, 'config.json'), `${JSON.stringify({ ...json, scaling_factor: scalingFactor }, null, 2)}\n`)
        exportWeights(join(target, 'diffusion_pytorch_model.safetensors'), 'vae.', trainer.parameters, trainer.averaged)
      },
    })
    for await (const report of run) yield { ...report, note: `${psnr(Number(report.outputs.mse!.data[0])).toFixed(1)} dB` }
  } finally {
    await trainer.close()
    await evaluator.close()
  }
}

/** Runs the averaged weights over whole pictures. */
async function openEvaluator(config: AutoencoderTinyConfig, size: number) {
  const weights = new ParameterSet().weights('vae.')
  const image = input('image', ['batch', 3, size, size])
  const latent = encodeTiny(image, weights, config)
  const session = await openSession({ latent, picture: decodeTiny(latent, weights, config) })
  return {
    /** The pictures as the autoencoder gives them back, and the factor that brings its latents to unit variance. */
    async reconstruct(trainer: Trainer, pictures: HostTensor) {
      const result = await session.run({ ...trainer.averagedTensors(), image: pictures })
      const values = result.latent!.data as Float32Array
      const square = values.reduce((sum, x) => sum + x * x, 0) / values.length
      const rounded = Number((1 / Math.sqrt(square)).toFixed(4))
      return { scalingFactor: rounded, pictures: result.picture! }
    },
    close: () => session.close(),
  }
}
