/** Stage 'text-encoder': learns a vocabulary, then a text encoder; leaves `tokenizer/` and `text_encoder/`. */
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { openTokenizer, type Vocabulary } from '../../engine/io/tokenizer.ts'
import { writeJsonSync } from '../../engine/io/whole-file.ts'
import { ClipTextConfig } from '../../engine/models/clip-text.ts'
import { captionTexts, captionTokens, drawCaption, tokenise } from './captions.ts'
import { exportWeights, loadWeights, weightsFile } from './checkpoint.ts'
import { type ParameterData, ParameterSet } from './parameters.ts'
import type { Recipe } from './recipes.ts'
import { runTraining } from './run.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { accuracy, queryLoss, queryTargets } from './text-queries.ts'
import { cosineRate, type Piece } from './trainer.ts'
import { growVocabulary, readVocabulary, trainVocabulary, writeVocabulary } from './vocabulary.ts'

export const textEncoderStage: Stage = async function* ({ recipe, folder, init, ...options }: StageOptions) {
  const { config: json, levels, batch, rate, steps } = recipe.textEncoder
  const known = existsSync(join(folder, 'tokenizer', 'vocab.json')) ? readVocabulary(join(folder, 'tokenizer')) : null
  if (!options.resume) learnVocabulary(folder, known, recipe.vocabulary, options.seed)
  const tokenizer = openTokenizer(join(folder, 'tokenizer'))
  const config = ClipTextConfig.parse(json)
  const parameters = new ParameterSet()
  const { loss, logits } = queryLoss(config, batch, captionTokens, parameters)
  const trainer = await openTrainer(
    'text-encoder',
    { folder, ...options },
    {
      parameters,
      loss,
      outputs: { logits },
      // An encoder that a denoiser reads already is to move little: it learns new words among those that it has.
      rate: cosineRate(init ? rate / 3 : rate, 50, steps),
      begin: (list, data) => {
        if (!init) return
        loadWeights(weightsFile(join(init, 'text_encoder'), 'model'), 'text_encoder.', list, data)
        if (known) embedMerges(readVocabulary(join(folder, 'tokenizer')), known, data)
      },
    },
  )
  let right = 0
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch,
      steps,
      feeds: async (step) => {
        const items = Array.from({ length: batch }, (_, i) =>
          drawCaption(options.seed, step * batch + i, levels[i % levels.length]!),
        )
        const ids = idBatch(items.map(({ caption }) => tokenise(caption.segments, tokenizer).ids))
        return [{ ids, ...queryTargets(items) }]
      },
      sheet: async () => {
        const target = join(folder, 'text_encoder')
        mkdirSync(target, { recursive: true })
        writeJsonSync(join(target, 'config.json'), json)
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

/** Writes a vocabulary into `folder`, learned from captions; one that is there already grows and keeps its ids. */
function learnVocabulary(
  folder: string,
  known: Vocabulary | null,
  { captions, size, levels }: Recipe['vocabulary'],
  seed: number,
): void {
  if (known && Object.keys(known.vocab).length >= size) return
  const texts = captionTexts(seed, captions, levels)
  const learned = known ? growVocabulary(known, texts, size) : trainVocabulary(texts, size, captionTokens)
  writeVocabulary(join(folder, 'tokenizer'), learned)
}

/** Tokens that `known` does not have begin half-way between the two that each is merged from. */
function embedMerges({ vocab, merges }: Vocabulary, known: Vocabulary, { tensors }: ParameterData): void {
  const { data, shape } = tensors['text_encoder.text_model.embeddings.token_embedding.weight']!
  const width = shape[1]!
  const row = (token: string) => data.subarray(vocab[token]! * width, (vocab[token]! + 1) * width)
  for (const [left, right] of merges) {
    if (left + right in known.vocab) continue
    const [a, b, own] = [row(left), row(right), row(left + right)]
    for (let i = 0; i < width; i++) own[i] = (a[i]! + b[i]!) / 2
  }
}
