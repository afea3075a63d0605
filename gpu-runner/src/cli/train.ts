/** `npm run train -- <stage> [--minutes N] [--resume] [--recipe NAME] [--out FOLDER] [--seed N]` */
import { parseArgs } from 'node:util'
import { recipes } from '../train/recipes.ts'
import type { Stage } from '../train/stage.ts'
import { autoencoderStage } from '../train/stage-autoencoder.ts'
import { denoiserStage } from '../train/stage-denoiser.ts'
import { textEncoderStage } from '../train/stage-text-encoder.ts'

const stages: Record<string, Stage> = {
  'text-encoder': textEncoderStage,
  autoencoder: autoencoderStage,
  denoiser: denoiserStage,
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    minutes: { type: 'string', default: '10' },
    resume: { type: 'boolean', default: false },
    recipe: { type: 'string', default: 'story-mini' },
    out: { type: 'string', default: 'runs/story-mini' },
    seed: { type: 'string', default: '1' },
    'sheet-minutes': { type: 'string', default: '5' },
  },
})
const stage = stages[positionals[0] ?? '']
const recipe = recipes[values.recipe]
if (!stage || !recipe) {
  const usage = `usage: npm run train -- <${Object.keys(stages).join('|')}> [--minutes N] [--resume] [--out FOLDER]`
  console.error(`${usage}\nrecipes: ${Object.keys(recipes).join(', ')}`)
  process.exit(2)
}

const stop = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
const options = {
  recipe,
  folder: values.out,
  seed: Number(values.seed),
  minutes: Number(values.minutes),
  resume: values.resume,
  sheetMinutes: Number(values['sheet-minutes']),
  signal: stop.signal,
}
let shown = 0
for await (const report of stage(options)) {
  if (performance.now() - shown < 10_000) continue
  shown = performance.now()
  const { step, smoothLoss, samplesPerSecond, gflops, peakShare, note } = report
  console.log(
    `step ${step} loss ${smoothLoss.toFixed(4)} ${note} ${samplesPerSecond.toFixed(1)}/s ${gflops.toFixed(0)} GFLOP/s ${(100 * peakShare).toFixed(0)}%`,
  )
}
