/** What shared attention and references contribute: the error on held-out sets with short captions, with and without. */
import type { Tokenizer } from '../../engine/io/tokenizer.ts'
import { modelWeights } from '../../engine/runtime/model-weights.ts'
import { openSession } from '../../engine/runtime/session.ts'
import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { ParameterSet } from './parameters.ts'
import { randomAt } from './random.ts'
import { setFeeds } from './set-feeds.ts'
import { type SetModel, type SetRecipe, setLoss } from './set-loss.ts'
import { SetPool, type SetPoolOptions } from './sets.ts'
import type { Trainer } from './trainer.ts'

export interface SetHeldOutOptions {
  /** How many are measured. */
  batches: number
  pool: SetPoolOptions
  model: SetModel
  recipe: SetRecipe
  tokenizer: Tokenizer
  /** Folder of the segmentation network. */
  segmenter: string
}

type Arm = 'alone' | 'shared' | 'referred' | 'both'

/** Measures a trainer's averaged parameters: mean squared velocity error by what the frames get to see. */
export async function openSetHeldOut(held: SetHeldOutOptions) {
  const { batches, pool: options, model, recipe, tokenizer, segmenter } = held
  const { loss: _, outputs } = setLoss(model, recipe, modelWeights(segmenter, 'model'), new ParameterSet())
  const session = await openSession({ mse: outputs.mse }, { weights: segmenter })
  const pool = await SetPool.open({
    ...options,
    split: 'held-out',
    fresh: batches * recipe.sets,
    capacity: batches * recipe.sets,
  })
  const sets = await pool.batch(0, batches * recipe.sets, randomAt(0, 0))
  await pool.close()
  const seen = { ...recipe, alone: 0, frameDrop: 0, keyDrop: 0, truthAtEnd: 0, cleanFrame: 0, shortCaptions: 1 }
  const bare = { ...seen, textDrop: 0, imageDrop: 0, bothDrop: 0 }
  const arms: Record<Arm, SetRecipe> = {
    alone: { ...bare, alone: 1, imageDrop: 1 },
    shared: { ...bare, imageDrop: 1 },
    referred: { ...bare, alone: 1 },
    both: bare,
  }
  const feeds = (arm: SetRecipe): Record<string, HostTensor>[] =>
    Array.from({ length: batches }, (_, i) =>
      setFeeds(
        sets.slice(i * recipe.sets, (i + 1) * recipe.sets),
        tokenizer,
        model,
        arm,
        { step: 1, steps: 1 },
        randomAt(0, i),
      ),
    )
  const fed = Object.entries(arms).map(([name, arm]) => ({ name, feeds: feeds(arm) }))
  return {
    async measure(trainer: Trainer): Promise<Record<Arm, number>> {
      const weights = trainer.averagedTensors()
      const errors: [string, number][] = []
      for (const { name, feeds } of fed) {
        let sum = 0
        for (const batch of feeds) sum += Number((await session.run({ ...weights, ...batch })).mse!.data[0])
        errors.push([name, sum / batches])
      }
      return Object.fromEntries(errors) as Record<Arm, number>
    },
    close: () => session.close(),
  }
}
