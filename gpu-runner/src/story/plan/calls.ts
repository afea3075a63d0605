/** Which images of a story are sampled together, so that memory is bounded whatever their number and size. */
import { type Batch, closure, planBatches, rowBytes } from '../../engine/pipeline/batches.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { StoryRejected } from '../types.ts'
import type { StoryPlan } from './plan.ts'

export interface Calls {
  /** All images to sample, in order: those asked for, and those that they attend to. */
  readonly images: readonly number[]
  readonly batches: readonly Batch[]
  /** Rows that a call may have. */
  readonly most: number
}

/**
 * Calls for the images `asked` for. `callBytes` is what the rows of a call may take in addition to the weights. Throws
 * `StoryRejected` where images that must be in one call need more memory than there is.
 */
export async function planCalls(
  pipeline: Pipeline,
  { attendsTo, grid, settings: { width, height } }: Pick<StoryPlan, 'attendsTo' | 'grid' | 'settings'>,
  { asked, callBytes }: { asked: readonly number[]; callBytes: number },
): Promise<Calls> {
  const images = [...new Set(asked.flatMap((image) => [...closure(image, attendsTo)]))].sort((a, b) => a - b)
  const bytes = rowBytes(pipeline.denoiser.config, grid)
  const most = Math.max(1, Math.floor(callBytes / bytes))
  const batches = planBatches(images, attendsTo, most)
  const rows = Math.max(...batches.map((batch) => batch.frames.length))
  const lacks = () => rows * bytes > process.availableMemory()
  // What earlier stories left with the sessions may be all that is missing.
  if (lacks()) await pipeline.release()
  if (lacks()) {
    const gib = (value: number) => (value / 2 ** 30).toFixed(1)
    throw new StoryRejected(
      `${rows} frames of ${width}×${height} must be sampled together and take about ${gib(rows * bytes)} GiB, of which ` +
        `${gib(process.availableMemory())} are free; ask for a smaller size, fewer characters, or consistency.synchronizer 0`,
    )
  }
  return { images, batches, most }
}
