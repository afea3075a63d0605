/** The model card: what a trained model is, how it came about, and the figures its training logged. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSafetensors } from '../../engine/io/safetensors.ts'
import { weightsFile } from './checkpoint.ts'
import { recipes } from './recipes.ts'

type Figures = Record<string, number>

export const trainedStages = ['text-encoder', 'autoencoder', 'denoiser', 'segmenter', 'identity', 'sets']
export const logFile = (folder: string, stage: string) => join(folder, 'training', stage, 'log.jsonl')

/** Markdown for the model in training at `folder`. */
export function modelCard(folder: string): string {
  const recipe = recipes['story-mini']!
  const stages = trainedStages.map((stage) => ({ stage, log: readLog(folder, stage) }))
  const rows = stages.flatMap(({ stage, log }) => {
    const last = log.at(-1)
    return last ? [`| ${stage} | ${last.step} | ${last.samples ?? ''} | ${figures(last)} |`] : []
  })
  const curve = readLog(folder, 'denoiser').flatMap(({ samples, right, wrong }) =>
    right === undefined ? [] : [`| ${samples} | ${right.toFixed(3)} | ${wrong!.toFixed(3)} |`],
  )
  const sets = readLog(folder, 'sets').flatMap(({ samples, ...log }) =>
    log.alone === undefined ? [] : [`| ${samples} | ${arms.map((arm) => log[arm]!.toFixed(3)).join(' | ')} |`],
  )
  return `# story-mini

A small latent diffusion model of cartoon stories, trained by this repository's own code on its own drawings. It is what
\`npm run demo\` uses, small enough for two CPU cores. It draws ${sets.length ? 'one to three characters' : 'one large character'} in one place, 128×128 pixels.

| part | class | parameters |
|---|---|---|
| text encoder | CLIPTextModel | ${count(weightsFile(join(folder, 'text_encoder'), 'model'))} |
| denoiser | UNet2DConditionModel | ${count(weightsFile(join(folder, 'unet'), 'diffusion_pytorch_model'))} |
| autoencoder | AutoencoderTiny | ${count(weightsFile(join(folder, 'vae'), 'diffusion_pytorch_model'))} |

Files, classes and names are those of diffusers and transformers; the scheduler is FlowMatchEulerDiscreteScheduler.

## Data
StoryDB (\`npm run storydb\`), drawn afresh while training: level ${recipe.denoiser.pool.levels.join(', ')} for the denoiser, levels
${levels(recipe.autoencoder.pool.levels)} for the decoder, ${levels(recipe.sets.pool.levels)} for sets. 8 % of the combinations of species, top colour and bottom colour are held out by
a hash and never trained on; the figures below are measured on these.

## Recipe
1. \`npm run train -- text-encoder\`: the text encoder learns to answer what a caption says about sixteen attributes.
2. \`npm run train -- autoencoder\`: the encoder is not trained at all. It holds the 16 principal components of 8×8
   patches, written into the convolutions in closed form. The decoder learns from crops with noise on the latents: its
   first 45 616 had 32 pixels a side, since then they have ${recipe.autoencoder.training.crop}, and half of them are around characters.
3. \`npm run train -- denoiser\`: rectified flow, timesteps shifted by ${recipe.denoiser.training.shift}, pixels of characters weighted
   ${recipe.denoiser.training.characterWeight} times, attention of each part's pixels held to the words that describe it.
4. \`npm run train -- segmenter\` and \`npm run train -- identity\`: a segmentation network over latents, which only
   training needs, and an image encoder with its projection, which learn to tell who is in a reference picture.
5. \`npm run train -- sets\`: the denoiser on sets of ${recipe.sets.training.frames} frames of one cast, with attention shared by soft masks, references
   from other frames at the places of their characters, and a perceptual loss inside the masks.
6. \`npm run train -- export --to gpu-runner/models/story-mini\`

\`npm run train -- sets --init gpu-runner/models/story-mini --out runs/sets --minutes 60\` goes on from what ships.

## What training reached
| stage | steps | samples | figures |
|---|---|---|---|
${rows.join('\n')}

Velocity error of the averaged denoiser on frames of held-out combinations, with their own captions and with those of
other frames. The difference is what the captions contribute.

| samples | right caption | wrong caption |
|---|---|---|
${curve.join('\n')}
${sets.length ? setSection(sets) : ''}
## Limits
${sets.length ? afterSets : beforeSets} Faces and hands are soft, accessories get
lost, expressions are unreliable. Words outside StoryDB's vocabulary mean nothing to it.

MIT licence, like the code. There is nothing in the data but drawings made by this repository.
`
}

const beforeSets = `One character, the level 1 vocabulary (8 species, 8 actions, 8 places, day and night), 128×128. Frames of a
story share attention without having been trained for it.`
const afterSets = `Up to three characters, 128×128; each takes up fewer pixels the more there are.`

const arms = ['alone', 'shared', 'referred', 'both'] as const

function setSection(rows: readonly string[]): string {
  return `
The same error on held-out sets whose captions tell hardly anything of the characters: each frame alone, with shared
attention, with references, and with both. Up to 62 832 samples the sets were of levels 1, 2 and 3: all of StoryDB's words are
more than so small a model learns in this time, and several characters in a frame were learnt too slowly among them. Up
to 89 520 samples a frame had one caption; since then each column of it reads the caption of its own character. References
have been given at columns too since then, so that rows before and after do not compare. From 118 464 samples on the
learning rate rose once more and came down to a tenth at the end of the run.

| samples | ${arms.join(' | ')} |
|---|${arms.map(() => '---|').join('')}
${rows.join('\n')}
`
}

/** A stage's figures in order. A run that began with finished weights counts from 0 again; here it goes on counting. */
export function readLog(folder: string, stage: string): Figures[] {
  const path = logFile(folder, stage)
  if (!existsSync(path)) return []
  let [last, before]: [Figures, Figures] = [{}, {}]
  const lines = readFileSync(path, 'utf8').trim().split('\n')
  return lines.map((line) => {
    const own: Figures = JSON.parse(line)
    const total = (name: string) => (before[name] ?? 0) + (own[name] ?? 0)
    if (own.step! + (before.step ?? 0) < (last.step ?? 0)) before = last
    last = { ...own, step: total('step'), ...(own.samples !== undefined && { samples: total('samples') }) }
    return last
  })
}

const levels = (row: readonly number[]) =>
  [...new Set(row)]
    .sort()
    .join(', ')
    .replace(/, (\d+)$/, ' and $1')

function figures({ step: _, samples: __, ...rest }: Figures): string {
  return Object.entries(rest)
    .map(([name, value]) => `${name} ${value.toPrecision(3)}`)
    .join(', ')
}

function count(path: string): string {
  let sum = 0
  for (const { shape } of openSafetensors(path).tensors.values()) sum += shape.reduce((a, b) => a * b, 1)
  return `${(sum / 1e6).toFixed(2)} M`
}
