/** What frames of a set see of each other in a step. */

import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { maxCharacters } from './captions.ts'
import type { Random } from './random.ts'
import { type SetModel, type SetRecipe, sharedGrids } from './set-loss.ts'
import type { FrameSet } from './sets.ts'
/** Added to scores of what is not to be seen. */
export const hidden = -1e4

/** Which characters frames have in common, and which foreign pixels are left out on each grid. */
export function sharingFeeds(
  sets: readonly FrameSet[],
  model: SetModel,
  recipe: SetRecipe,
  random: Random,
): Record<string, HostTensor> {
  const { frames: n, alone, frameDrop, keyDrop } = recipe
  const common = new Float32Array(sets.length * n * n * maxCharacters)
  const grids = sharedGrids(model.latentShape).map((pixels) => ({
    pixels,
    closed: new Float32Array(sets.length * n * n * pixels),
  }))
  for (const [s, { frames }] of sets.entries()) {
    const shares = random.uniform() >= alone
    const drop = keyDrop * random.uniform()
    for (const [j, shown] of frames.entries()) {
      const open = shares && random.uniform() >= frameDrop
      for (const [i, reader] of frames.entries())
        for (const character of shown.cast)
          common[((s * n + j) * n + i) * maxCharacters + character] = Number(reader.cast.includes(character))
      for (const { pixels, closed } of grids)
        for (let p = 0; p < pixels; p++) {
          // Who looks makes no difference to which pixels are left out.
          const out = !open || random.uniform() < drop
          for (const [i, reader] of frames.entries()) {
            const strangers = !reader.cast.some((character) => shown.cast.includes(character))
            if (i !== j && (out || strangers)) closed[((s * n + i) * n + j) * pixels + p] = hidden
          }
        }
    }
  }
  return {
    common: { data: common, shape: [sets.length * n, n, maxCharacters] },
    ...Object.fromEntries(
      grids.map(({ pixels, closed }) => [`closed${pixels}`, { data: closed, shape: [sets.length, n, n, pixels] }]),
    ),
  }
}
