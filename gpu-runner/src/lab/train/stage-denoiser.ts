/** Stage 'denoiser': trains the UNet, and the text encoder along with it; leaves `unet/` and a finer `text_encoder/`. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTokenizer } from '../../engine/io/tokenizer.ts'
import { writeJsonSync } from '../../engine/io/whole-file.ts'
import { AutoencoderTinyConfig } from '../../engine/models/autoencoder-tiny.ts'
import { ClipTextConfig } from '../../engine/models/clip-text.ts'
import { parseUNetConfig } from '../../engine/models/unet-config.ts'
import { captionFrame } from '../storydb/caption.ts'
import { tokenise } from './captions.ts'
import { exportWeights, loadWeights, weightsFile } from './checkpoint.ts'
import { denoiserFeeds, denoiserLoss } from './denoiser.ts'
import { openPreview } from './denoiser-preview.ts'
import { openHeldOut } from './held-out.ts'
import { LatentPool } from './latent-pool.ts'
import { ParameterSet } from './parameters.ts'
import { runTraining } from './run.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { cosineRate, noteOf, type Trainer } from './trainer.ts'

export const denoiserStage: Stage = async function* ({ recipe, folder, init, ...options }: StageOptions) {
  const { config: json, training, pool: poolRecipe, rate, steps } = recipe.denoiser
  const { seed } = options
  const unetConfig = parseUNetConfig(json)
  const textConfig = ClipTextConfig.parse(recipe.textEncoder.config)
  const config = AutoencoderTinyConfig.parse(JSON.parse(readFileSync(join(folder, 'vae', 'config.json'), 'utf8')))
  const tokenizer = openTokenizer(join(folder, 'tokenizer'))
  const empty = tokenise([], tokenizer)
  const pool = await LatentPool.open({ ...poolRecipe, folder, config, seed })
  const parameters = new ParameterSet()
  const { loss, outputs } = denoiserLoss(unetConfig, textConfig, training, pool.latentShape, parameters)
  const textFile = weightsFile(join(folder, 'text_encoder'), 'model')
  const trainer = await openTrainer(
    'denoiser',
    { folder, ...options },
    {
      parameters,
      loss,
      outputs,
      rate: cosineRate(rate, 200, steps),
      begin: (list, data) => {
        loadWeights(textFile, 'text_encoder.', list, data)
        if (init) loadWeights(weightsFile(join(init, 'unet'), 'diffusion_pytorch_model'), 'unet.', list, data)
      },
    },
  )
  const heldOut = await openHeldOut({
    frames: recipe.sheet.heldOut.frames,
    pool: { ...poolRecipe, folder, config, seed },
    unetConfig,
    textConfig,
    tokenizer,
  })
  const preview = await openPreview({
    sheet: recipe.sheet,
    folder,
    unetConfig,
    textConfig,
    vaeConfig: config,
    tokenizer,
    ...poolRecipe,
    seed,
  })
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch: training.batch,
      steps,
      feeds: async (step, random) => {
        const pooled = await pool.batch(step, training.batch, random)
        const items = pooled.map((item) => {
          const { segments } = captionFrame(item.frame, { variant: random.below(2 ** 31), style: item.style })
          return { pooled: item, caption: tokenise(segments, tokenizer) }
        })
        return [denoiserFeeds(items, empty, training, pool.latentShape, random)]
      },
      sheet: async () => {
        exportDenoiser(folder, json, trainer)
        await preview(trainer, join(folder, 'training', 'denoiser.png'))
        return { ...(await heldOut(trainer)) }
      },
    })
    for await (const report of run) {
      yield { ...report, note: noteOf(report, ['mse', 'maps']) }
    }
  } finally {
    await trainer.close()
    await pool.close()
  }
}

/** Write the averaged UNet, with its configuration, and the text encoder that was trained along. */
export function exportDenoiser(folder: string, config: object, trainer: Trainer): void {
  const target = join(folder, 'unet')
  mkdirSync(target, { recursive: true })
  writeJsonSync(join(target, 'config.json'), config)
  const text = weightsFile(join(folder, 'text_encoder'), 'model')
  exportWeights(weightsFile(target, 'diffusion_pytorch_model'), 'unet.', trainer.parameters, trainer.averaged)
  exportWeights(text, 'text_encoder.', trainer.parameters, trainer.averaged)
}
