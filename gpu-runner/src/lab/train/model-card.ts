/** The model card: what a trained model is, how it came about, and the figures its training logged. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSafetensors } from '../../engine/io/safetensors.ts'
import { weightsFile } from './checkpoint.ts'
import { curveChart } from './curve.ts'
import { recipes } from './recipes.ts'

type Figures = Record<string, number>

export const trainedStages = ['text-encoder', 'autoencoder', 'denoiser', 'segmenter', 'identity', 'sets']
export const logFile = (folder: string, stage: string) => join(folder, 'training', stage, 'log.jsonl')
/** The part of a recipe that a stage was last trained by. */
export const recipeFile = (folder: string, stage: string) => join(folder, 'training', stage, 'recipe.json')

/** Charts of a model's training, by the name of their file; they are next to the card. */
export function trainingCharts(folder: string): Record<string, string> {
  const charts = {
    'denoiser.svg': chart(folder, 'denoiser', 'Velocity error on held-out frames', { right: 'own', wrong: "other's" }),
    'sets.svg': chart(folder, 'sets', 'Velocity error on held-out sets', arms),
  }
  return Object.fromEntries(Object.entries(charts).flatMap(([file, svg]) => (svg ? [[file, svg]] : [])))
}

function chart(folder: string, stage: string, title: string, names: Readonly<Record<string, string>>): string | null {
  const log = readLog(folder, stage)
  const curves = Object.entries(names).map(([key, name]) => {
    const points = log.flatMap((row) => (row[key] === undefined ? [] : [[row.samples!, row[key]] as const]))
    return { name, points }
  })
  return curveChart(title, 'frames trained on', curves)
}

/** Markdown for the model in training at `folder`. */
export function modelCard(folder: string): string {
  const recipe = recipes['story-mini']!
  const stages = trainedStages.map((stage) => ({ stage, log: readLog(folder, stage) }))
  const rows = stages.flatMap(({ stage, log }) => {
    const last = log.at(-1)
    return last ? [`| ${stage} | ${last.step} | ${last.samples ?? ''} | ${figures(last)} |`] : []
  })
  const charts = trainingCharts(folder)
  const inSets = stages.some(({ stage, log }) => stage === 'sets' && log.length > 0)
  return `# story-mini

A small latent diffusion model of cartoon stories, trained by this repository's own code on its own drawings. It is what
\`npm run demo\` uses, small enough for two CPU cores. It draws ${inSets ? 'one to three characters' : 'one large character'} in one place, 128×128 pixels.

| part | class | parameters |
|---|---|---|
| text encoder | CLIPTextModel | ${count(weightsFile(join(folder, 'text_encoder'), 'model'))} |
| denoiser | UNet2DConditionModel | ${count(weightsFile(join(folder, 'unet'), 'diffusion_pytorch_model'))} |
| autoencoder | AutoencoderTiny | ${count(weightsFile(join(folder, 'vae'), 'diffusion_pytorch_model'))} |

Files, classes and names are those of diffusers and transformers; the scheduler is FlowMatchEulerDiscreteScheduler.

## Data
StoryDB (\`npm run storydb\`), drawn afresh while training. 8 % of the combinations of species, top colour and bottom
colour are held out by a hash and never trained on; the figures below are measured on these.
${levelsOf(folder)}
## Recipe
1. \`npm run train -- text-encoder\`: the text encoder learns to answer what a caption says about its attributes.
2. \`npm run train -- autoencoder\`: the encoder is not trained at all. It holds the 16 principal components of 8×8
   patches, written into the convolutions in closed form. The decoder learns from crops of
   ${recipe.autoencoder.training.crop} pixels a side with noise on the latents; half of them are around characters.
3. \`npm run train -- denoiser\`: rectified flow, timesteps shifted by ${recipe.denoiser.training.shift}, pixels of characters weighted
   ${recipe.denoiser.training.characterWeight} times, attention of each part's pixels held to the words that describe it.
4. \`npm run train -- segmenter\` and \`npm run train -- identity\`: a segmentation network over latents, which only
   training needs, and an image encoder with its projection, which learn to recognise who is in a reference picture.
5. \`npm run train -- sets\`: the denoiser on sets of ${recipe.sets.training.frames} frames of one cast, with attention shared by soft masks, references
   from other frames at the places of their characters, and a perceptual loss inside the masks.
6. \`npm run train -- export --to gpu-runner/models/story-mini\`

\`npm run train -- sets --init gpu-runner/models/story-mini --out runs/sets --minutes 60\` goes on from what ships.

## What training reached
| stage | steps | samples | figures |
|---|---|---|---|
${rows.join('\n')}

${Object.keys(charts)
  .map((file) => `${captions[file as keyof typeof captions]}\n\n![${file}](${file})\n`)
  .join('\n')}
## Limits
${inSets ? afterSets : beforeSets} Faces and hands are soft, accessories get
lost, expressions are unreliable. Words outside StoryDB's vocabulary mean nothing to it.

MIT licence, like the code. There is nothing in the data but drawings made by this repository.
`
}

const beforeSets = `One character, the level 1 vocabulary (8 species, 8 actions, 8 places, day and night), 128×128. Frames of a
story share attention without having been trained for it.`
const afterSets = `Up to three characters, 128×128; each takes up fewer pixels the more there are.`

/** What the frames of held-out sets get to see. */
const arms = { alone: 'alone', shared: 'shared', referred: 'referred', both: 'both' }

const captions = {
  'denoiser.svg': `Velocity error of the averaged denoiser on frames of held-out combinations, with their own captions and
with those of other frames. The difference is what the captions contribute.`,
  'sets.svg': `The same error on held-out sets whose captions say hardly anything about the characters: each frame alone, with
shared attention, with references, and with both.`,
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

/** From which levels its stages drew, as far as they noted it. */
function levelsOf(folder: string): string {
  const notes = trainedStages.flatMap((stage) => {
    const path = recipeFile(folder, stage)
    if (!existsSync(path)) return []
    const { pool, levels = pool?.levels } = JSON.parse(readFileSync(path, 'utf8'))
    return levels ? [`${stage} ${[...new Set(levels)].sort().join(', ')}`] : []
  })
  return notes.length ? `Levels by stage: ${notes.join('; ')}.\n` : ''
}

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
