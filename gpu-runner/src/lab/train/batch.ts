/** Another number of frames in a step than the recipe's, as a GPU wants it. */
import type { Device } from '../../engine/runtime/device.ts'
import type { Recipe } from './recipes.ts'

/**
 * `sets` with `frames` frames in a step. A CPU computes them in the recipe's pieces, a GPU in one. The learning rate
 * follows the root of the batch, which is what keeps Adam's progress by frames (Malladi et al. 2022).
 */
export function withBatch(sets: Recipe['sets'], frames: number, device: Device): Recipe['sets'] {
  const { training, pool, rate } = sets
  const pieces = device === 'cpu' ? training.pieces : 1
  const unit = pieces * training.frames
  const ownSets = frames / unit
  if (!Number.isInteger(ownSets) || ownSets < 1)
    throw new RangeError(`a step of sets is a multiple of ${unit} frames, not ${frames}`)
  const factor = ownSets / training.sets
  const { slots, references } = training.references
  const before = training.pieces * training.sets
  return {
    ...sets,
    training: {
      ...training,
      ...{ pieces, sets: ownSets },
      references: {
        ...training.references,
        ...{ slots: Math.ceil(factor * slots), references: Math.ceil(factor * references) },
      },
    },
    pool: { ...pool, fresh: Math.max(1, Math.round((pool.fresh * pieces * ownSets) / before)) },
    rate: rate * Math.sqrt((pieces * ownSets) / before),
  }
}
