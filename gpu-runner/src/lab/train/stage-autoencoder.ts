/** Stage 'autoencoder': the encoder in closed form, the decoder trained on it; leaves `vae/`. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { input } from '../../engine/graph/value.ts'
import { writeJsonSync } from '../../engine/io/whole-file.ts'
import { AutoencoderTinyConfig, decodeTiny, encodeTiny } from '../../engine/models/autoencoder-tiny.ts'
import type { Weights } from '../../engine/nn/weights.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { cropSource, crops, decoderLoss, errorOf, psnr } from './autoencoder.ts'
import { exportWeights, loadWeights, weightsFile } from './checkpoint.ts'
import { allocate, initialise, ParameterSet } from './parameters.ts'
import { patchBasis, writePatchEncoder } from './patch-basis.ts'
import { writeSheet } from './pictures.ts'
import { randomAt } from './random.ts'
import type { Recipe } from './recipes.ts'
import { runTraining } from './run.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { cosineRate, type Trainer } from './trainer.ts'
import { Window } from './window.ts'

const weightsName = 'diffusion_pytorch_model'

export const autoencoderStage: Stage = async function* ({ recipe, folder, init, ...options }: StageOptions) {
  const { config: json, training, pool, rate, steps } = recipe.autoencoder
  const config = AutoencoderTinyConfig.parse(json)
  const target = join(folder, 'vae')
  if (!existsSync(join(target, 'config.json'))) writeFirst(target, recipe.autoencoder, options.seed)
  const encoder = modelWeights(target, weightsName)
  const parameters = new ParameterSet()
  const { loss, mse, latentShape } = decoderLoss(config, training, encoder, parameters)
  const trainer = await openTrainer(
    'autoencoder',
    { folder, ...options },
    {
      weights: target,
      parameters,
      loss,
      outputs: { mse },
      rate: cosineRate(rate, 100, steps),
      adam: { emaDecay: 0.998, weightDecay: 0 },
      begin: (list, data) => {
        if (init) loadWeights(weightsFile(join(init, 'vae'), weightsName), '', list, data)
      },
    },
  )
  const evaluator = await openEvaluator(config, pool.size, encoder, target)
  const unseen = [0, 1, 2, 3].map((part) => {
    const sources = Array.from({ length: 8 }, (_, i) =>
      cropSource(options.seed ^ 0x5eed, 8 * part + i, pool, 'held-out'),
    )
    return crops(sources, pool.size, pool.size, randomAt(1, 1))
  })
  const window = new Window(pool, async (indices) => indices.map((index) => cropSource(options.seed, index, pool)))
  const noiseSize = latentShape.reduce((a, b) => a * b, 1)
  let smoothError = 0
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch: training.batch,
      steps,
      feeds: async (step, random) => [
        {
          image: crops(await window.batch(step, training.batch, random), pool.size, training.crop, random),
          noise: { data: random.normals(noiseSize), shape: latentShape },
          noiseScale: {
            data: Float32Array.from({ length: training.batch }, () => training.latentNoise * random.uniform()),
            shape: [training.batch, 1, 1, 1],
          },
        },
      ],
      sheet: async () => {
        const drawn: HostTensor[] = []
        for (const pictures of unseen) drawn.push(await evaluator.reconstruct(trainer, pictures))
        await writeSheet(join(folder, 'training', 'autoencoder.png'), [unseen[0]!, drawn[0]!])
        exportWeights(weightsFile(target, weightsName), '', trainer.parameters, trainer.averaged, {
          keep: (name) => name.startsWith('encoder.'),
        })
        const errors = drawn.map((pictures, i) => errorOf(pictures, unseen[i]!))
        return { psnr: psnr(errors.reduce((a, b) => a + b) / errors.length) }
      },
    })
    for await (const report of run) {
      const error = Number(report.pieces[0]!.outputs.mse!.data[0])
      smoothError = smoothError ? 0.98 * smoothError + 0.02 * error : error
      yield { ...report, note: `${psnr(smoothError).toFixed(1)} dB` }
    }
  } finally {
    await trainer.close()
    await evaluator.close()
  }
}

/** `vae/` with the finished encoder and a decoder that knows nothing yet. */
function writeFirst(target: string, { config: json, pool }: Recipe['autoencoder'], seed: number): void {
  const config = AutoencoderTinyConfig.parse(json)
  const parameters = new ParameterSet()
  const image = input('image', [1, 3, pool.size, pool.size])
  decodeTiny(encodeTiny(image, parameters.weights(''), config), parameters.weights(''), config)
  const data = allocate(parameters.list())
  initialise(parameters.list(), data, randomAt(seed, -1).normal)
  const basis = patchBasis(seed, 200, pool.levels, pool.size, config.latentChannels)
  writePatchEncoder((name) => data.tensors[`encoder.${name}`]!.data, basis, config.encoderChannels[0]!)
  mkdirSync(target, { recursive: true })
  exportWeights(weightsFile(target, weightsName), '', parameters.list(), data.flat)
  writeJsonSync(join(target, 'config.json'), json)
}

/** Runs the averaged decoder over whole pictures. */
async function openEvaluator(config: AutoencoderTinyConfig, size: number, encoder: Weights, weights: string) {
  const image = input('image', ['batch', 3, size, size])
  const picture = decodeTiny(encodeTiny(image, encoder, config), new ParameterSet().weights(''), config)
  const session = await openSession({ picture }, { weights })
  return {
    async reconstruct(trainer: Trainer, pictures: HostTensor): Promise<HostTensor> {
      return (await session.run({ ...trainer.averagedTensors(), image: pictures })).picture!
    },
    close: () => session.close(),
  }
}
