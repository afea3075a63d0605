/** Stage 'text-encoder': learns a vocabulary, then a text encoder; leaves `tokenizer/` and `text_encoder/`. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openTokenizer, type Tokenizer } from '../../engine/io/tokenizer.ts'
import { ClipTextConfig } from '../../engine/models/clip-text.ts'
import type { Level } from '../storydb/levels.ts'
import { captionTexts, captionTokens, drawCaption, tokenise } from './captions.ts'
import { exportWeights, loadWeights, weightsFile } from './checkpoint.ts'
import { ParameterSet } from './parameters.ts'
import { runTraining } from './run.ts'
import type { Stage, StageOptions } from './stage.ts'
import { accuracy, queryLoss, queryTargets } from './text-queries.ts'
import { cosineRate, type Piece, Trainer } from './trainer.ts'
import { trainVocabulary, writeVocabulary } from './vocabulary.ts'

export const textEncoderStage: Stage = async function* ({ recipe, folder, resume, init, ...options }: StageOptions) {
  const { config: json, batch, rate, steps } = recipe.textEncoder
  const tokenizer = learnVocabulary(folder, recipe.vocabulary, options.seed)
  const config = ClipTextConfig.parse(json)
  const parameters = new ParameterSet()
  const { loss, logits } = queryLoss(config, batch, captionTokens, parameters)
  const trainer = await Trainer.open({
    folder: join(folder, 'training', 'text-encoder'),
    parameters,
    loss,
    outputs: { logits },
    seed: options.seed,
    rate: cosineRate(rate, 50, steps),
    resume,
    begin: (list, data) => {
      if (init) loadWeights(weightsFile(join(init, 'text_encoder'), 'model'), 'text_encoder.', list, data)
    },
  })
  let right = 0
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch,
      steps,
      feeds: async (step) => {
        const items = Array.from({ length: batch }, (_, i) =>
          drawCaption(options.seed, step * batch + i, ((i % 3) + 1) as Level),
        )
        const ids = idBatch(items.map(({ caption }) => tokenise(caption.segments, tokenizer).ids))
        return [{ ids, ...queryTargets(items) }]
      },
      sheet: async () => {
        const target = join(folder, 'text_encoder')
        mkdirSync(target, { recursive: true })
        writeFileSync(join(target, 'config.json'), `${JSON.stringify(json, null, 2)}\n`)
        exportWeights(weightsFile(target, 'model'), 'text_encoder.', trainer.parameters, trainer.averaged)
        return { right }
      },
    })
    for await (const report of run) {
      const [{ outputs, feeds }] = report.pieces as [Piece]
      right = accuracy(outputs.logits!.data as Float32Array, feeds)
      yield { ...report, note: `${(100 * right).toFixed(1)} % right` }
    }
  } finally {
    await trainer.close()
  }
}

/** Rows of token ids as int64[N,T]. */
export function idBatch(rows: readonly (readonly number[])[]) {
  return { data: BigInt64Array.from(rows.flat(), BigInt), shape: [rows.length, rows[0]!.length] }
}

/** The vocabulary in `folder`, learned from captions if it is not there yet. */
function learnVocabulary(
  folder: string,
  { captions, size }: { captions: number; size: number },
  seed: number,
): Tokenizer {
  const target = join(folder, 'tokenizer')
  if (!existsSync(join(target, 'vocab.json')))
    writeVocabulary(target, trainVocabulary(captionTexts(seed, captions), size, captionTokens))
  return openTokenizer(target)
}
