/**
 * Stage 'identity': teaches the image encoder and its projection to recognise who is in a reference picture; leaves
 * `image_encoder/` and the `image_proj` part of `ip_adapter.safetensors`.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { writeJsonSync } from '../../engine/io/whole-file.ts'
import { CharacterEncoderConfig } from '../../engine/models/character-encoder.ts'
import { type Reference, type Region, seenRegions } from '../../story/references/cut-out.ts'
import { randomFrames } from '../storydb/frames.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Frame } from '../storydb/types.ts'
import { exportWeights, weightsFile } from './checkpoint.ts'
import { identityLoss, shownAttributes } from './identity.ts'
import { ParameterSet } from './parameters.ts'
import { writeSheet } from './pictures.ts'
import type { Random } from './random.ts'
import { cutOutOf, shuffledReference } from './references.ts'
import { runTraining } from './run.ts'
import { openTrainer, type Stage, type StageOptions } from './stage.ts'
import { accuracy, answerTargets } from './text-queries.ts'
import { cosineRate, type Piece, type Trainer } from './trainer.ts'
import { Window } from './window.ts'

/** One character of a frame that can be seen. */
interface Portrait {
  frame: Frame
  character: number
  reference: Reference
}

export const identityStage: Stage = async function* ({ recipe, folder, ...options }: StageOptions) {
  const { training, batch, pool, regions, rate, steps } = recipe.identity
  const { size } = CharacterEncoderConfig.parse(training.encoder)
  const parameters = new ParameterSet()
  const { loss, logits } = identityLoss(training, batch, parameters)
  const trainer = await openTrainer(
    'identity',
    { folder, ...options },
    {
      parameters,
      loss,
      outputs: { logits },
      rate: cosineRate(rate, 50, steps),
      adam: { emaDecay: 0.998 },
    },
  )
  const window = new Window(pool, async (indices) =>
    indices.map((index) => {
      const level = pool.levels[index % pool.levels.length]!
      const [frame] = randomFrames(options.seed, index, 1, { level, split: 'train' })
      const rendered = renderFrame(frame!, pool.size)
      return rendered.characters.flatMap((_, character): Portrait[] => {
        const reference = cutOutOf(rendered, character, pool.size, pool.reference)
        return reference ? [{ frame: frame!, character, reference }] : []
      })
    }),
  )
  let right = 0
  let pixels = { data: new Float32Array(), shape: [batch, 3, size, size] }
  try {
    const run = runTraining({
      ...options,
      trainer,
      batch,
      steps,
      feeds: async (step, random) => {
        const frames = await window.batch(step, batch, random)
        const everyone = frames.flat()
        const chosen = frames.map((portraits) => portraits[random.below(portraits.length)] ?? everyone[0]!)
        const shown = chosen.map(({ reference }) => pickRegion(reference, regions, random))
        const others = everyone.map(({ reference }) => reference)
        const data = new Float32Array(batch * 3 * size * size)
        for (const [i, { reference }] of chosen.entries())
          data.set(shuffledReference(reference, shown[i]!, size, random, others), i * 3 * size * size)
        pixels = { data, shape: [batch, 3, size, size] }
        const targets = answerTargets(
          chosen.map((portrait, i) => ({
            ...portrait,
            stated: shownAttributes(portrait.frame, portrait.character, shown[i]!),
          })),
        )
        return [{ pixels, ...targets }]
      },
      sheet: async () => {
        exportIdentity(folder, training.encoder, trainer)
        await writeSheet(join(folder, 'training', 'identity.png'), [pixels])
        return { right }
      },
    })
    for await (const report of run) {
      const [{ outputs, feeds }] = report.pieces as [Piece]
      const now = accuracy(outputs.logits!.data as Float32Array, feeds)
      right += (now - right) / Math.min(report.step, 50)
      yield { ...report, note: `${(100 * right).toFixed(1)} % right` }
    }
  } finally {
    await trainer.close()
  }
}

/** Write the averaged encoder and adapter; layers of the denoiser's adapter that are not in training stay. */
export function exportIdentity(folder: string, encoder: object, trainer: Trainer): void {
  const target = join(folder, 'image_encoder')
  mkdirSync(target, { recursive: true })
  writeJsonSync(join(target, 'config.json'), encoder)
  exportWeights(weightsFile(target, 'model'), 'image_encoder.', trainer.parameters, trainer.averaged)
  exportWeights(weightsFile(folder, 'ip_adapter'), 'adapter.', trainer.parameters, trainer.averaged, {
    keep: (name) => name.startsWith('ip_adapter.'),
  })
}

function pickRegion(reference: Reference, share: number, random: Random): Region {
  const parts = seenRegions(reference).filter((region) => region !== 'whole')
  return random.uniform() < share && parts.length > 0 ? parts[random.below(parts.length)]! : 'whole'
}
