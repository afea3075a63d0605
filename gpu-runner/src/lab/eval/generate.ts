/** One story as one arm generates it. */
import type { StoryRequest } from '../../../../contract/story.ts'
import type { Picture } from '../../engine/io/png.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import type { Mask } from '../../story/measures/pictures.ts'
import { storyModel } from '../../story/open.ts'
import { type ArmName, arms, requestOf } from './arms.ts'

/** Pictures of a story and what came with them. */
export interface StoryPictures {
  pictures: readonly Picture[]
  maps: readonly (readonly (Mask | null)[])[]
  seconds: number
}

export async function generateStory(
  { pipeline, seed, signal }: { pipeline: Pipeline; seed: number; signal: AbortSignal },
  name: ArmName,
  index: number,
  request: StoryRequest,
  references: readonly string[],
): Promise<StoryPictures> {
  const arm = arms[name]
  let maps: (Mask | null)[][] = []
  const model = storyModel(pipeline, {
    ...arm.model,
    check: false,
    onMasks: (masks, { width, height }) => {
      if (width !== height) throw new RangeError(`an evaluation needs square pictures, not ${width}×${height}`)
      maps = masks.map((frame) => frame.map((mask) => mask && { data: Float32Array.from(mask), side: width }))
    },
  })
  const pictures: Picture[] = []
  const from = performance.now()
  for await (const event of model.generate(requestOf(request, arm, references), { seed: seed + index, signal }))
    if (event.type === 'frame') pictures[event.frame.index] = event.frame
  return { pictures, maps, seconds: (performance.now() - from) / 1000 }
}
