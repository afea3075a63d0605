/** Stage 'segmenter': teaches φ where the parts of characters are; leaves `segmenter/`, which only training needs. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { add, mul } from '../../engine/graph/arithmetic.ts'
import { mean } from '../../engine/graph/reduce.ts'
import { input } from '../../engine/graph/value.ts'
import { AutoencoderTinyConfig } from '../../engine/models/autoencoder-tiny.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { groups } from './captions.ts'
import { exportWeights, weightsFile } from './checkpoint.ts'
import { frameFeeds } from './frame-feeds.ts'
import { LatentPool } from './latent-pool.ts'
import { ParameterSet } from './parameters.ts'
import { runTraining } from './run.ts'
import { partLoss, partTargets, segment } from './segmenter.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { cosineRate } from './trainer.ts'

/** Where φ is kept, below the model folder. */
export const segmenterFile = 'segmenter'

export const segmenterStage: Stage = async function* ({ recipe, folder, ...options }: StageOptions) {
  const { training, batch, pool: poolRecipe, latentNoise, rate, steps } = recipe.segmenter
  const config = AutoencoderTinyConfig.parse(JSON.parse(readFileSync(join(folder, 'vae', 'config.json'), 'utf8')))
  const pool = await LatentPool.open({ ...poolRecipe, folder, config, seed: options.seed })
  const [, height, width] = pool.latentShape
  const latent = input('latent', [batch, ...pool.latentShape])
  const shaken = add(latent, mul(input('noise', latent.shape), input('noiseScale', [batch, 1, 1, 1])))
  const targets = partTargets(input('masks', [batch, groups, height, width]))
  const parameters = new ParameterSet()
  const { logits } = segment(shaken, parameters.weights(''), training)
  const loss = mean(partLoss(logits, targets))
  const trainer = await openTrainer(
    'segmenter',
    { folder, ...options },
    {
      parameters,
      loss,
      outputs: { logits, targets },
      rate: cosineRate(rate, 50, steps),
      adam: { emaDecay: 0.99 },
    },
  )
  let smooth = 0
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch,
      steps,
      feeds: async (step, random) => {
        const items = await pool.batch(step, batch, random)
        const noise = random.normals(batch * pool.latentShape[0] * height * width)
        const noiseScale = Float32Array.from({ length: batch }, () => latentNoise * random.uniform())
        return [
          {
            ...frameFeeds(items, pool.latentShape),
            noise: { data: noise, shape: latent.shape as number[] },
            noiseScale: { data: noiseScale, shape: [batch, 1, 1, 1] },
          },
        ]
      },
      sheet: async () => {
        const target = join(folder, segmenterFile)
        mkdirSync(target, { recursive: true })
        exportWeights(weightsFile(target, 'model'), '', trainer.parameters, trainer.averaged)
        return { dice: smooth }
      },
    })
    for await (const report of run) {
      const { logits, targets } = report.pieces[0]!.outputs
      const now = dice(logits!, targets!)
      smooth = smooth ? 0.98 * smooth + 0.02 * now : now
      yield { ...report, note: `dice ${smooth.toFixed(3)}` }
    }
  } finally {
    await trainer.close()
    await pool.close()
  }
}

/** 2·|A ∩ B| / (|A| + |B|) of what the logits and the targets call a part, over the batch. */
function dice(logits: HostTensor, targets: HostTensor): number {
  let [both, all] = [0, 0]
  for (const [i, logit] of (logits.data as Float32Array).entries()) {
    const [own, real] = [logit > 0, Number(targets.data[i]) > 0.5]
    both += Number(own && real)
    all += Number(own) + Number(real)
  }
  return all === 0 ? 1 : (2 * both) / all
}
