/**
 * Stage 'sets': trains the denoiser on sets of frames, with shared attention, references and the mask perceptual loss;
 * leaves `unet/`, and a finer `text_encoder/`, `image_encoder/` and `ip_adapter.safetensors`.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTokenizer } from '../../engine/io/tokenizer.ts'
import { AutoencoderTinyConfig } from '../../engine/models/autoencoder-tiny.ts'
import { ClipTextConfig } from '../../engine/models/clip-text.ts'
import { crossAttentionLayers } from '../../engine/models/ip-adapter.ts'
import { parseUNetConfig, type UNetConfig } from '../../engine/models/unet-config.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { loadWeights, weightsFile } from './checkpoint.ts'
import { openPreview } from './denoiser-preview.ts'
import { type Parameter, type ParameterData, ParameterSet } from './parameters.ts'
import { runTraining } from './run.ts'
import { setFeeds } from './set-feeds.ts'
import { openSetHeldOut } from './set-held-out.ts'
import { type SetModel, setLoss } from './set-loss.ts'
import { SetPool } from './sets.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { exportDenoiser } from './stage-denoiser.ts'
import { exportIdentity } from './stage-identity.ts'
import { segmenterFile } from './stage-segmenter.ts'
import { cosineRate, noteOf } from './trainer.ts'

export const setsStage: Stage = async function* ({ recipe, folder, init, ...options }: StageOptions) {
  const { training, pool: poolRecipe, rate, steps } = recipe.sets
  const { seed } = options
  const textFile = weightsFile(join(folder, 'text_encoder'), 'model')
  const encoderFile = weightsFile(join(folder, 'image_encoder'), 'model')
  const adapterFile = weightsFile(folder, 'ip_adapter')
  const segmenter = join(folder, segmenterFile)
  for (const [stage, file] of Object.entries({ segmenter: weightsFile(segmenter, 'model'), identity: encoderFile }))
    if (!existsSync(file)) throw new Error(`${file} is missing; run the stage '${stage}' first`)
  const json = recipe.denoiser.config
  const vaeConfig = AutoencoderTinyConfig.parse(JSON.parse(readFileSync(join(folder, 'vae', 'config.json'), 'utf8')))
  const tokenizer = openTokenizer(join(folder, 'tokenizer'))
  const poolOptions = { ...poolRecipe, frames: training.frames, folder, config: vaeConfig, seed }
  const pool = await SetPool.open(poolOptions)
  const model: SetModel = {
    unet: parseUNetConfig(json),
    text: ClipTextConfig.parse(recipe.textEncoder.config),
    identity: recipe.identity.training,
    segmenter: recipe.segmenter.training,
    latentShape: pool.latentShape,
  }
  const parameters = new ParameterSet()
  const { loss, outputs } = setLoss(model, training, modelWeights(segmenter, 'model'), parameters)
  const unetFolder = init ? join(init, 'unet') : join(folder, 'unet')
  const trainer = await openTrainer(
    'sets',
    { folder, ...options },
    {
      weights: segmenter,
      pieces: training.pieces,
      parameters,
      loss,
      outputs,
      rate: cosineRate(rate, 200, steps),
      // Over the last 8,000 frames or so.
      adam: { emaDecay: 0.998 },
      begin: (list, data) => {
        loadWeights(textFile, 'text_encoder.', list, data)
        loadWeights(encoderFile, 'image_encoder.', list, data)
        const unet = weightsFile(unetFolder, 'diffusion_pytorch_model')
        if (existsSync(unet)) loadWeights(unet, 'unet.', list, data)
        const missing = loadWeights(adapterFile, 'adapter.', list, data)
        beginAdapter(new Set(missing), list, data, model.unet)
      },
    },
  )
  const heldOut = await openSetHeldOut({
    batches: recipe.sheet.heldOut.batches,
    ...{ pool: poolOptions, model, recipe: training, tokenizer, segmenter },
  })
  const previewOptions = { folder, unetConfig: model.unet, textConfig: model.text, vaeConfig, tokenizer, seed }
  const preview = await openPreview({ ...previewOptions, ...poolRecipe, sheet: recipe.sheet })
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch: training.pieces * training.sets * training.frames,
      steps,
      feeds: async (step, random) => {
        const sets = await pool.batch(step, training.pieces * training.sets, random)
        return Array.from({ length: training.pieces }, (_, i) => {
          const own = sets.slice(i * training.sets, (i + 1) * training.sets)
          return setFeeds(own, tokenizer, model, training, { step, steps }, random)
        })
      },
      sheet: async () => {
        exportDenoiser(folder, json, trainer)
        exportIdentity(folder, model.identity.encoder, trainer)
        await preview(trainer, join(folder, 'training', 'sets.png'))
        return { ...(await heldOut.measure(trainer)) }
      },
    })
    for await (const report of run) yield { ...report, note: noteOf(report, ['mse', 'maps', 'perceptual']) }
  } finally {
    await trainer.close()
    await heldOut.close()
    await pool.close()
  }
}

/**
 * An adapter that has no layers yet begins with the keys of the captions' own, as IP-Adapter does, and with values of
 * zero: the denoiser begins as if there were no references.
 */
function beginAdapter(
  missing: ReadonlySet<string>,
  parameters: readonly Parameter[],
  data: ParameterData,
  config: UNetConfig,
): void {
  const layers = crossAttentionLayers(config)
  for (const { name } of parameters) {
    const [, number, kind] = /^adapter\.ip_adapter\.(\d+)\.to_([kv])_ip\.weight$/.exec(name) ?? []
    if (!number || !missing.has(name)) continue
    const own = data.tensors[name]!.data
    if (kind === 'v') own.fill(0)
    else own.set(data.tensors[`unet.${layers[(Number(number) - 1) / 2]}.to_k.weight`]!.data)
  }
}
