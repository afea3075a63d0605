/** How many rows one call of the UNet may have, and which frames go into which call. */
import type { UNetConfig } from '../models/unet-config.ts'
import { type Grid, levelGrid } from './attention-plan.ts'

export interface Batch {
  /** Frames of the call. */
  readonly frames: readonly number[]
  /** Those of them whose results are taken from this call; the others are there to be looked at. */
  readonly taken: readonly number[]
}

/**
 * `frames` in calls of at most `most` frames. `looksAt` lists the frames that a frame attends to; these are in its call,
 * with all that they attend to themselves. Where a frame needs more than `most` others, its call is larger.
 */
export function planBatches(
  frames: readonly number[],
  looksAt: readonly (readonly number[])[],
  most: number,
): readonly Batch[] {
  const done = new Set<number>()
  const batches: Batch[] = []
  let current = new Set<number>()
  const finish = () => {
    const all = [...current].sort((a, b) => a - b)
    const taken = all.filter((frame) => !done.has(frame))
    for (const frame of taken) done.add(frame)
    if (taken.length > 0) batches.push({ frames: all, taken })
    current = new Set()
  }
  for (const frame of frames) {
    if (done.has(frame) || current.has(frame)) continue
    const needed = closure(frame, looksAt)
    if (current.size > 0 && current.union(needed).size > most) finish()
    current = current.union(needed)
  }
  finish()
  return batches
}

/** A frame and all that it looks at, directly or through others. */
export function closure(frame: number, looksAt: readonly (readonly number[])[]): Set<number> {
  const reached = new Set([frame])
  for (const each of reached) for (const other of looksAt[each] ?? []) reached.add(other)
  return reached
}

/**
 * Bytes that one row of a UNet call takes beside the weights, rather too many than too few: the skip connections, which
 * live through half of the call, and the widest of what a level works on, counted in tensors of its channels and
 * pixels. Measured on SD 1.5: 148 MiB at 512×512, for which this says 188.
 */
export function rowBytes({ channels, layersPerBlock }: UNetConfig, grid: Grid): number {
  const sizes = channels.map((count, level) => {
    const { width, height } = levelGrid(grid, level)
    return 4 * count * width * height
  })
  const skips = sizes.reduce((sum, size) => sum + (layersPerBlock + 1) * size, 0)
  return skips + workingTensors * Math.max(...sizes)
}

const workingTensors = 32
