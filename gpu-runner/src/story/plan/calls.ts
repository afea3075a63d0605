/** Which frames of a story are sampled together, so that memory is bounded whatever their number and size. */
import type { Grid } from '../../engine/pipeline/attention-plan.ts'
import { type Batch, closure, planBatches, rowBytes } from '../../engine/pipeline/batches.ts'
import type { Pipeline } from '../../engine/pipeline/open.ts'
import { StoryRejected } from '../types.ts'

export interface Calls {
  /** All frames to sample, in order: those wanted, and those that they look at. */
  readonly frames: readonly number[]
  readonly batches: readonly Batch[]
  /** Rows that a call may have. */
  readonly most: number
}

export interface CallOptions {
  readonly wanted: readonly number[]
  /** For each frame the frames that it attends to. */
  readonly looksAt: readonly (readonly number[])[]
  readonly grid: Grid
  /** What the rows of a call may take beside the weights. */
  readonly callBytes: number
}

/** Throws `StoryRejected` where frames that must be in one call need more memory than there is. */
export async function planCalls(pipeline: Pipeline, { wanted, looksAt, grid, callBytes }: CallOptions): Promise<Calls> {
  const frames = [...new Set(wanted.flatMap((frame) => [...closure(frame, looksAt)]))].sort((a, b) => a - b)
  const bytes = rowBytes(pipeline.denoiser.config, grid)
  const most = Math.max(1, Math.floor(callBytes / bytes))
  const batches = planBatches(frames, looksAt, most)
  const rows = Math.max(...batches.map((batch) => batch.frames.length))
  const lacks = () => rows * bytes > process.availableMemory()
  // What earlier stories left with the sessions may be all that is missing.
  if (lacks()) await pipeline.release()
  if (lacks()) {
    const gib = (value: number) => (value / 2 ** 30).toFixed(1)
    throw new StoryRejected(
      `${rows} frames of ${grid.width * pipeline.autoencoder.factor}×${grid.height * pipeline.autoencoder.factor} must be ` +
        `sampled together and take about ${gib(rows * bytes)} GiB, of which ${gib(process.availableMemory())} are free; ` +
        'ask for a smaller size, fewer characters, or consistency.synchronizer 0',
    )
  }
  return { frames, batches, most }
}
