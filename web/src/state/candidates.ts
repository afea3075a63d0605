/** Several pictures for one frame, drawn as a story of their own from the bank of the story that the frame is in. */
import type { Story, StoryParams } from '../../../sdk/src/types.ts'

/** Marks such a story, so that the history leaves it out. */
const MARK = 'playground_candidates'

interface Wanted {
  story: Pick<Story, 'id' | 'bank' | 'model'>
  request: StoryParams
  prompt: string
  /** Ids of those who are in the frame: a pronoun would mean nobody without the frames before. */
  characters: string[]
  seeds: number[]
}

/**
 * A frame depends on the bank, its prompt and its seed, so the one that is kept is the same picture when the story's own
 * frame is redrawn with its seed.
 */
export function candidatesOf({ story, request, prompt, characters, seeds }: Wanted): StoryParams {
  const { title: _, seed: __, frames: ___, bank: ____, characters: cast = [], ...settings } = request
  const source = story.bank ? { bank: { id: story.id } } : { characters: cast }
  return {
    ...settings,
    ...source,
    model: story.model,
    frames: seeds.map((seed) => ({ prompt, seed, ...(characters.length > 0 && { characters }) })),
    metadata: { [MARK]: true },
  }
}

export const isCandidates = ({ metadata }: Pick<Story, 'metadata'>) => MARK in metadata

export const newSeeds = (count: number): number[] => [...crypto.getRandomValues(new Uint32Array(count))]
