/** Where the characters of a finished frame are: by the attention of the picture's pixels to its prompt's words. */
import type { Picture } from '../../engine/io/png.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { type CharacterMasks, characterMasks } from '../sharing/masks.ts'
import { type NoisedAttentionOptions, noisedAttention } from './noised-attention.ts'

/** One call of the UNet, where a reference picture takes three. */
const timesteps = [500]

export interface LocateOptions extends Omit<NoisedAttentionOptions, 'timesteps' | 'noise'> {
  /** By place in the cast, whose groups of words come first: whether the prompt speaks of the character. */
  readonly depicts: readonly boolean[]
}

export async function locate(
  pipeline: Pipeline,
  picture: Picture,
  { depicts, ...options }: LocateOptions,
): Promise<CharacterMasks> {
  const { maps, from } = await noisedAttention(pipeline, picture, { ...options, timesteps, noise: 'finished' })
  return characterMasks(
    depicts.map((here, c) => (here ? maps[c]! : null)),
    from,
    options.grid,
  )
}
