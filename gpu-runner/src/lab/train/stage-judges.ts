/** Stage 'judges': the networks that `npm run eval` scores pictures with; leaves a folder of their own and its card. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { softplus } from '../../engine/graph/activation.ts'
import { abs, add, mul, scale, sub } from '../../engine/graph/arithmetic.ts'
import { matmul } from '../../engine/graph/matmul.ts'
import { logSumExp, mean, sum, total } from '../../engine/graph/reduce.ts'
import { reshape, slice } from '../../engine/graph/shape.ts'
import { input, type Value } from '../../engine/graph/value.ts'
import { writeJsonSync, writeWholeSync } from '../../engine/io/whole-file.ts'
import { type JudgesAccuracy, measureJudges } from '../judges/accuracy.ts'
import { Judges } from '../judges/judges.ts'
import {
  allClasses,
  type JudgesConfig,
  judgePortrait,
  judgeScene,
  places,
  portraitHeads,
  sceneHeads,
  sides,
} from '../judges/networks.ts'
import type { Attribute } from '../storydb/vocabulary.ts'
import { exportWeights, weightsFile } from './checkpoint.ts'
import { judgeFeeds, judgeSet } from './judge-feeds.ts'
import { ParameterSet } from './parameters.ts'
import { runTraining } from './run.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { cosineRate, type Trainer } from './trainer.ts'
import { Window } from './window.ts'

/** Of the similarities, by which identities are separated. */
const temperature = 0.1
/** Beside the mean cross-entropy of a head. */
const weights = { presence: 2, offsets: 10, identity: 0.2 }

export const judgesStage: Stage = async function* ({ recipe, folder, ...options }: StageOptions) {
  const { networks, sets, size, measured, rate, steps } = recipe.judges
  const parameters = new ParameterSet()
  const { loss, wrong } = judgesLoss(networks, 2 * sets, parameters)
  const trainer = await openTrainer(
    'judges',
    { folder, ...options },
    {
      parameters,
      loss,
      outputs: { wrong },
      rate: cosineRate(rate, 50, steps),
      adam: { emaDecay: 0.99 },
    },
  )
  const window = new Window(recipe.judges, async (indices) =>
    indices.map((index) => judgeSet(options.seed, index, recipe.judges)),
  )
  let smooth = 0
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch: 2 * sets,
      steps,
      feeds: async (step, random) => [judgeFeeds(await window.batch(step, sets, random), size, random)],
      sheet: async () => {
        const accuracy = await exportJudges(folder, networks, trainer, measured)
        const { attributes, frames: _, ...rest } = accuracy
        return { ...rest, ...attributes }
      },
    })
    for await (const report of run) {
      const nats = Number(report.pieces[0]!.outputs.wrong!.data[0])
      smooth += (nats - smooth) / Math.min(report.step, 50)
      yield { ...report, note: `${smooth.toFixed(3)} nats an answer` }
    }
  } finally {
    await trainer.close()
  }
}

/** `wrong` is the mean cross-entropy of a portrait's answers. */
function judgesLoss(networks: JudgesConfig, batch: number, parameters: ParameterSet) {
  const picture = input('picture', [batch, 3, sides.picture, sides.picture])
  const portrait = input('portrait', [batch, 4, sides.portrait, sides.portrait])
  const where = input('where', [batch, 3, sides.map, sides.map])
  const scene = judgeScene(picture, parameters.weights('scene.'), networks)
  const who = judgePortrait(portrait, parameters.weights('portrait.'), networks)
  const [present, offsets] = [slice(scene.map, 1, 0, 1), slice(scene.map, 1, 1, 3)]
  const mask = slice(where, 1, 0, 1)
  const presence = mean(sub(softplus(present), mul(present, mask)))
  const missed = mean(mul(abs(sub(offsets, slice(where, 1, 1, 3))), mask))
  const wrong = crossEntropy(who.logits, portraitHeads, 'who', batch)
  const loss = total([
    wrong,
    crossEntropy(scene.logits, sceneHeads, 'scene', batch),
    scale(reshape(presence, [1, 1]), weights.presence),
    scale(reshape(missed, [1, 1]), weights.offsets),
    scale(pairs(who.embedding, batch / 2), weights.identity),
  ])
  return { loss, wrong }
}

/** Mean over rows and heads, [1,1]. */
function crossEntropy(logits: Value, heads: readonly Attribute[], name: string, batch: number): Value {
  const target = input(name, [batch, places(heads).at(-1)!.to])
  const nats = places(heads).map(({ from, to }) => {
    const own = slice(logits, 1, from, to)
    return sub(logSumExp(own), sum(mul(own, slice(target, 1, from, to)), [1]))
  })
  return scale(mean(total(nats)), 1 / heads.length)
}

/** InfoNCE: among the second halves of all pairs, each first one must find its own, and the other way round; [1,1]. */
function pairs(embedding: Value, count: number): Value {
  const [a, b] = [slice(embedding, 0, 0, count), slice(embedding, 0, count, 2 * count)]
  const own = scale(sum(mul(a, b), [1]), 1 / temperature)
  const find = (x: Value, y: Value) => mean(sub(logSumExp(matmul(x, y, { transB: true, alpha: 1 / temperature })), own))
  return add(find(a, b), find(b, a))
}

/** Write the averaged networks, measure what is written, and leave figures and card beside it. */
async function exportJudges(
  folder: string,
  networks: JudgesConfig,
  trainer: Trainer,
  measured: number,
): Promise<JudgesAccuracy> {
  mkdirSync(folder, { recursive: true })
  writeJsonSync(join(folder, 'config.json'), { ...networks, classes: allClasses })
  exportWeights(weightsFile(folder, 'model'), '', trainer.parameters, trainer.averaged)
  const judges = await Judges.open(folder)
  const accuracy = await measureJudges(judges, measured).finally(() => judges.close())
  writeJsonSync(join(folder, 'accuracy.json'), accuracy)
  const count = trainer.parameters.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
  writeWholeSync(join(folder, 'README.md'), card(accuracy, { steps: trainer.step, parameters: count }))
  return accuracy
}

function card(accuracy: JudgesAccuracy, { steps, parameters }: { steps: number; parameters: number }): string {
  const percent = (value: number) => `${(100 * value).toFixed(1)} %`
  const rows = Object.entries(accuracy.attributes).map(([name, value]) => `| ${name} | ${percent(value)} |`)
  return `# Judges

The networks that \`npm run eval\` reads pictures with: ${(parameters / 1e6).toFixed(2)} M parameters in two convolutional networks over
pixels. One finds characters and recognises the scene, the other reads from a portrait who somebody is and what they do.
They share neither architecture, weights, seeds nor renders with a generator, and learned from StoryDB alone:
\`npm run train -- judges --out gpu-runner/models/judges --minutes 60\`, ${steps} steps.

Measured on ${accuracy.frames} held-out renders that they never saw, through the whole road: found, cut out, read.

| attribute | read right |
|---|---|
${rows.join('\n')}

| | |
|---|---|
| characters found | ${percent(accuracy.found)} |
| Dice of their masks | ${accuracy.dice.toFixed(3)} |
| same or another identity: area under the ROC curve | ${accuracy.auc.toFixed(3)} |
| equal error rate | ${percent(accuracy.eer)} |

MIT licence, like the code.
`
}
