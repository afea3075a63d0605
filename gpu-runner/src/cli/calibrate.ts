/** `npm run calibrate`: makes `consistency.safetensors` of a model, by which stories are checked; see `lab/eval/calibrate.ts`. */
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { calibrationFile, writeCalibration } from '../engine/pipeline/calibration.ts'
import { openPipeline } from '../engine/pipeline/open.ts'
import { withHugePages } from '../engine/runtime/huge-pages.ts'
import { calibrate } from '../lab/eval/calibrate.ts'
import { type Command, command, sentenceOf } from './command.ts'

const usage = 'usage: npm run calibrate -- [--model <folder>] [--sets 200] [--seed 1]'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

const cli: Command = command('calibrate', usage)
withHugePages()
const { model, sets, seed } = readFlags()
try {
  const pipeline = await openPipeline(model, { device: 'cpu' })
  const { identity } = pipeline
  if (!identity)
    cli.fail(`${model} has no ip_adapter.safetensors and image_encoder/, and cannot tell characters apart`, 1)
  const { calibration, checked } = await calibrate(pipeline, identity, { sets, seed })
  await pipeline.release()
  const file = join(model, calibrationFile)
  writeCalibration(file, calibration, [identity.tokens, identity.width])
  const { pairs, auc, eer, accuracy, same, different } = checked
  console.log(`Held-out characters, ${pairs[0]} pairs of the same and ${pairs[1]} of different ones:
area under the ROC curve ${auc.toFixed(3)}, equal error rate ${eer.toFixed(3)}, classified correctly ${(100 * accuracy).toFixed(1)} %
mean P(same): ${same.toFixed(3)} of the same, ${different.toFixed(3)} of different ones
P(same) = sigmoid(${calibration.slope.toFixed(2)} · cosine ${calibration.offset < 0 ? '-' : '+'} ${Math.abs(calibration.offset).toFixed(2)}), written to ${file}`)
} catch (error) {
  cli.fail(sentenceOf(error), 1)
}

function readFlags() {
  const text = { type: 'string' } as const
  const { values } = cli.read({ model: text, sets: text, seed: text })
  return {
    model: resolve(values.model ?? here('../../models/story-mini')),
    sets: cli.whole('sets', values.sets ?? '200', 10, 2000),
    seed: cli.whole('seed', values.seed ?? '1', 0, 2 ** 31 - 1),
  }
}
