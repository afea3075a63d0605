/** How many rows one call of the UNet may have, and which frames go into which call. */
import type { UNetConfig } from '../models/unet-config.ts'
import { type Grid, levelGrid } from './attention-plan.ts'

export interface Batch {
  /** Frames of the call. */
  readonly frames: readonly number[]
  /** Those of them whose results are taken from this call; the others are only attended to. */
  readonly taken: readonly number[]
}

/**
 * `frames` in calls of at most `most` frames. `attendsTo` lists, by frame, the frames that it attends to: they are in the
 * same call, with all that they attend to themselves. A call is larger than `most` only where one frame needs that many.
 */
export function planBatches(
  frames: readonly number[],
  attendsTo: readonly (readonly number[])[],
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
    const needed = closure(frame, attendsTo)
    if (current.size > 0 && current.union(needed).size > most) finish()
    current = current.union(needed)
  }
  finish()
  return batches
}

/** A frame and all that it attends to, directly or through others. */
export function closure(frame: number, attendsTo: readonly (readonly number[])[]): Set<number> {
  const reached = new Set([frame])
  for (const each of reached) for (const other of attendsTo[each] ?? []) reached.add(other)
  return reached
}

/**
 * Bytes that one row of a UNet call takes in addition to the weights, a safe estimate: the skip connections, which live
 * through half of the call, and what the widest level works on, counted in tensors of its channels and pixels. SD 1.5
 * at 512×512 takes 148 MiB, and this says 188.
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
