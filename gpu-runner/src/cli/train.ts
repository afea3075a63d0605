/** `npm run train -- <stage>`: train one part of a model, or put the parts together. */
import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { writeJsonSync } from '../engine/io/whole-file.ts'
import { type Device, devices, isDevice } from '../engine/runtime/device.ts'
import { withHugePages } from '../engine/runtime/huge-pages.ts'
import { useThreads } from '../engine/runtime/threads.ts'
import { withBatch } from '../lab/train/batch.ts'
import { copyParts, exportModel } from '../lab/train/export.ts'
import { recipeFile } from '../lab/train/model-card.ts'
import { type Recipe, recipes } from '../lab/train/recipes.ts'
import type { Stage } from '../lab/train/stage.ts'
import { autoencoderStage } from '../lab/train/stage-autoencoder.ts'
import { denoiserStage } from '../lab/train/stage-denoiser.ts'
import { identityStage } from '../lab/train/stage-identity.ts'
import { judgesStage } from '../lab/train/stage-judges.ts'
import { segmenterStage } from '../lab/train/stage-segmenter.ts'
import { setsStage } from '../lab/train/stage-sets.ts'
import { textEncoderStage } from '../lab/train/stage-text-encoder.ts'
import { type Command, command, sentenceOf } from './command.ts'
import { progressBar } from './progress.ts'

const stages: Record<string, { stage: Stage; part: Exclude<keyof Recipe, 'vocabulary'> }> = {
  'text-encoder': { stage: textEncoderStage, part: 'textEncoder' },
  autoencoder: { stage: autoencoderStage, part: 'autoencoder' },
  denoiser: { stage: denoiserStage, part: 'denoiser' },
  segmenter: { stage: segmenterStage, part: 'segmenter' },
  identity: { stage: identityStage, part: 'identity' },
  sets: { stage: setsStage, part: 'sets' },
  judges: { stage: judgesStage, part: 'judges' },
}

/** Where the stages that others build on leave their part. */
const parts: Record<string, string> = {
  'text-encoder': 'text_encoder',
  autoencoder: 'vae',
  denoiser: 'unet',
  segmenter: 'segmenter',
  identity: 'image_encoder',
}
const needs: Record<string, readonly string[]> = {
  denoiser: ['text-encoder', 'autoencoder'],
  segmenter: ['autoencoder'],
  sets: Object.keys(parts),
}

const usage = `usage: npm run train -- <${Object.keys(stages).join('|')}> [--minutes N] [--resume] [--out <folder>]
         [--init <model folder>] [--recipe ${Object.keys(recipes).join('|')}] [--steps N] [--seed N] [--sheet-minutes N]
         [--threads N] [--device ${devices.join('|')}] [--batch N]
       npm run train -- export --to <model folder> [--out <folder>]

Stages in the order that a model needs them: text-encoder, autoencoder, denoiser, segmenter, identity, sets.
'judges' trains the networks that 'npm run eval' scores pictures with, apart from any model; its --out is theirs alone.
--out keeps the model in training (runs/story-mini), with its state and sample sheets under training/.
--resume goes on from that state. --init begins with the weights of a finished model instead of random ones.
A stage ends after --minutes (10, or without end if --steps is given) or --steps (the recipe's), whichever comes first.
--steps counts those of the state that is resumed; the learning rate, and what else changes while a stage trains, get there
at the last of them. --batch is the number of frames in a step of 'sets', for devices that want many at once.`

const cli: Command = command('train', usage)
withHugePages()
const flags = readFlags()
const name = cli.word('stage', [...Object.keys(stages), 'export'], flags.positionals[0])
const folder = flags.values.out

if (name === 'export') {
  const { to } = flags.values
  if (!to) cli.fail('export needs --to <model folder>')
  if (!existsSync(join(folder, 'unet'))) cli.fail(`${folder} holds no trained denoiser yet`, 1)
  const { sets } = recipes[flags.values.recipe] ?? cli.fail(`there is no recipe '${flags.values.recipe}'`)
  exportModel(folder, to, sets.pool.levels)
  process.stderr.write(`${to} is complete\n`)
} else await train(stages[name]!)

async function train({ stage, part }: (typeof stages)[string]): Promise<void> {
  const { values } = flags
  const whole = recipes[values.recipe] ?? cli.fail(`there is no recipe '${values.recipe}'`)
  const steps = values.steps ? positive('steps', values.steps) : whole[part].steps
  if (!Number.isInteger(steps)) cli.fail(`--steps must be a whole number, not '${values.steps}'`)
  const { init, device, batch } = values
  if (!isDevice(device)) cli.fail(`there is no device '${device}'`)
  if (batch && part !== 'sets') cli.fail("--batch is for the stage 'sets'")
  const own = { ...whole[part], steps }
  const recipe = { ...whole, [part]: batch ? batched({ ...whole.sets, steps }, positive('batch', batch), device) : own }
  if (init && !existsSync(join(init, 'model_index.json'))) cli.fail(`--init: ${init} is no model folder`)
  if (init) copyParts(init, folder)
  for (const before of needs[name] ?? [])
    if (!existsSync(join(folder, parts[before]!)))
      cli.fail(
        `${name} builds on ${join(folder, parts[before]!)}, which is missing; npm run train -- ${before} --out ${folder} makes it`,
        1,
      )
  mkdirSync(dirname(recipeFile(folder, name)), { recursive: true })
  writeJsonSync(recipeFile(folder, name), recipe[part])
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  const minutes = values.minutes ? positive('minutes', values.minutes) : values.steps ? Number.MAX_VALUE : 10
  const options = {
    recipe,
    folder,
    seed: positive('seed', values.seed),
    minutes,
    resume: values.resume,
    sheetMinutes: positive('sheet-minutes', values['sheet-minutes']),
    signal: stop.signal,
    device,
    ...(init ? { init } : {}),
  }
  const show = progressBar(name, 1000)
  try {
    for await (const { step, smoothLoss, samplesPerSecond, gflops, peakShare, fraction, note } of stage(options)) {
      const speed = `${samplesPerSecond.toFixed(1)}/s ${gflops.toFixed(0)} GFLOP/s (${(100 * peakShare).toFixed(0)} % of peak)`
      show(Math.min(999, Math.floor(1000 * fraction)), `step ${step} loss ${smoothLoss.toFixed(4)} ${note} ${speed}`)
    }
  } catch (error) {
    cli.fail(sentenceOf(error), 1)
  }
  show(1000)
}

function batched(sets: Recipe['sets'], frames: number, device: Device): Recipe['sets'] {
  try {
    return withBatch(sets, frames, device)
  } catch (error) {
    return cli.fail((error as Error).message)
  }
}

function readFlags() {
  const flags = cli.read(
    {
      minutes: { type: 'string' },
      resume: { type: 'boolean', default: false },
      recipe: { type: 'string', default: 'story-mini' },
      out: { type: 'string', default: 'runs/story-mini' },
      init: { type: 'string' },
      steps: { type: 'string' },
      to: { type: 'string' },
      seed: { type: 'string', default: '1' },
      'sheet-minutes': { type: 'string', default: '5' },
      threads: { type: 'string' },
      device: { type: 'string', default: 'cpu' },
      batch: { type: 'string' },
    },
    { positionals: true },
  )
  try {
    useThreads(flags.values.threads)
  } catch (error) {
    cli.fail(sentenceOf(error))
  }
  return flags
}

function positive(flag: string, value: string): number {
  const number = Number(value)
  if (!(number > 0)) cli.fail(`--${flag} must be a number above 0, not '${value}'`)
  return number
}
