/** Frames that are not enough like the others are generated again, and the better picture is kept. */
import { REDRAWS } from '../../../../contract/consistency.ts'
import type { StoryRequest } from '../../../../contract/story.ts'
import { derivedSeed } from '../../engine/diffusion/noise.ts'
import { encodeBank } from '../bank/bank.ts'
import type { SampledStory } from '../sampled.ts'
import type { GenerateOptions, StoryEvent, StoryFrameResult } from '../types.ts'
import type { SelfCheck } from './self-check.ts'

export interface RedrawOptions {
  readonly request: StoryRequest
  readonly options: GenerateOptions
  readonly sampled: SampledStory
  /** Has seen all frames. */
  readonly check: SelfCheck
  readonly minScore: number
  /** Samples some frames of a story. */
  sample(
    request: StoryRequest,
    options: GenerateOptions,
    frames: readonly number[],
  ): AsyncGenerator<StoryEvent, SampledStory>
}

/**
 * Replaces pictures in `frames`, those of the first pass. Each is generated from the story's own bank, so that it attends
 * to the frames that it attended to before, and by a seed that follows from its own: the same story is redrawn the same
 * way. Whichever frame has been redrawn least goes first, then whichever scores lowest.
 */
export async function* redraw(
  frames: Map<number, StoryFrameResult>,
  { request, options, sampled, check, minScore, sample }: RedrawOptions,
): AsyncGenerator<StoryEvent> {
  const bank = sampled.bank ? encodeBank(sampled.bank) : options.bank
  if (!bank) return
  // The others attend to the first frame; a story that began with a bank has such frames elsewhere.
  const free = [...frames.values()].filter(({ index }) => index > 0 || options.bank !== undefined)
  const firstSeeds = new Map(free.map(({ index, seed }) => [index, seed]))
  const tries = new Map(free.map(({ index }) => [index, 0]))
  for (let left = request.consistency.max_redraws ?? REDRAWS.usual; left > 0; left--) {
    const low = [...tries].flatMap(([index, times]) => {
      const score = check.score(index)
      return score !== null && score < minScore ? [{ index, times, score }] : []
    })
    const [worst] = low.sort((a, b) => a.times - b.times || a.score - b.score || a.index - b.index)
    if (!worst) return
    const { index } = worst
    const times = worst.times + 1
    tries.set(index, times)
    const seed = derivedSeed(firstSeeds.get(index)!, times)
    const again = {
      ...request,
      // They are in the bank.
      anchors: [],
      frames: request.frames.map((frame, i) => (i === index ? { ...frame, seed } : frame)),
    }
    const sampledAgain = yield* sample(again, { ...options, bank }, [index])
    const frame = await sampledAgain.frame(index)
    if (await check.improve(index, frame, sampledAgain.masks(index)!)) frames.set(index, frame)
  }
}
