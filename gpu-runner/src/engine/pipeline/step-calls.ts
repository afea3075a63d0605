/** One step of sampling as calls of the UNet: which frames are in which call, and what of the step goes along. */
import { type Grid, levelGrid } from './attention-plan.ts'
import type { Batch } from './batches.ts'
import type { Conditioning } from './conditioning.ts'
import type { DenoiserCall } from './denoiser-feeds.ts'
import type { IdentitySlot } from './slots.ts'

/** A region of a frame that gets an identity. */
export interface FrameSlot extends Omit<IdentitySlot, 'row'> {
  readonly frame: number
}

/** One step, before the model is called. Lists by frame go by the frames' numbers. */
export interface Step {
  /** Of the sampling, from 1. */
  readonly number: number
  readonly timestep: number
  /** Of the latents. */
  readonly grid: Grid
  /** By frame; `unconditional` is null at steps without guidance. */
  readonly conditioning: Conditioning
  /** The latent of a frame as the model is to see it. */
  readonly latentOf: (frame: number) => Float32Array
  /** Frames whose latents are known beforehand: they are in the calls to be attended to, and need no guidance. */
  readonly known: ReadonlySet<number>
  readonly selectors: readonly Float32Array[] | undefined
  readonly tokenGroups: number
  /** For each shared level, for each frame: pixels of other frames, as `frame · pixels + pixel`; undefined for none. */
  readonly sharedPixels: readonly (readonly (readonly number[])[])[] | undefined
  readonly labels: readonly (readonly Uint8Array[])[] | undefined
  readonly identities: { readonly tokens: readonly Float32Array[]; readonly slots: readonly FrameSlot[] } | undefined
}

/** Whose rows are in one call. */
export interface StepCall {
  /** Frames in their unconditional rows, which come first. */
  readonly unconditional: readonly number[]
  /** Frames in their conditional rows. */
  readonly conditional: readonly number[]
  /** Those of `conditional` whose results are taken from this call; the others are only attended to. */
  readonly taken: readonly number[]
}

/**
 * The calls of a step, none of more than `most` rows unless a batch alone has more.
 *
 * Unconditional rows attend to no other frame and get no identity: guidance then leads away from what the model would make
 * of nothing, and the cost of sharing is paid once instead of twice. At steps that share or inject, these rows have calls
 * of their own; at others both halves of a batch are one call, if that has room.
 */
export function stepCalls(batches: readonly Batch[], most: number, step: Step): StepCall[] {
  const apart = step.sharedPixels !== undefined || (step.identities?.slots.length ?? 0) > 0
  return batches.flatMap(({ frames, taken }) => {
    const unconditional = step.conditioning.unconditional ? taken.filter((frame) => !step.known.has(frame)) : []
    const fits = !apart && unconditional.length + frames.length <= most
    if (fits || unconditional.length === 0) return [{ unconditional, conditional: frames, taken }]
    return [
      { unconditional, conditional: [], taken: [] },
      { unconditional: [], conditional: frames, taken },
    ]
  })
}

/** That call as the UNet takes it. */
export function denoiserCall(
  { unconditional, conditional }: StepCall,
  step: Step,
  sharedLevels: readonly number[],
): DenoiserCall {
  const { conditioning, latentOf, selectors, sharedPixels, labels, identities, grid } = step
  const call = { grid, timestep: step.timestep, step: step.number }
  const free = unconditional.map((frame) => ({ ...conditioning.unconditional![frame]!, latent: latentOf(frame) }))
  if (conditional.length === 0) return { ...call, rows: free }
  const bound = conditional.map((frame) => {
    const selector = selectors?.[frame]
    return { ...conditioning.conditional[frame]!, latent: latentOf(frame), ...(selector && { selector }) }
  })
  return {
    ...call,
    rows: [...free, ...bound],
    tokenGroups: step.tokenGroups,
    ...(sharedPixels && {
      sharedPixels: sharedLevels.map((level, i) => {
        const { width, height } = levelGrid(grid, level)
        return overRows(sharedPixels[i]!, conditional, width * height)
      }),
    }),
    labels: labels?.map((level) => conditional.map((frame) => level[frame]!)),
    ...(identities && { identities: { tokens: identities.tokens, slots: slotsIn(identities.slots, conditional) } }),
  }
}

/** Pixels that the frames of a call attend to, counted over its rows instead of over all frames. */
function overRows(shared: readonly (readonly number[])[], frames: readonly number[], pixels: number): number[][] {
  const rows = new Map(frames.map((frame, row) => [frame, row]))
  return frames.map((own) =>
    shared[own]!.map((pixel) => {
      const frame = Math.floor(pixel / pixels)
      const row = rows.get(frame)
      if (row === undefined) throw new RangeError(`frame ${frame} is attended to, and not in the call of ${frames}`)
      return row * pixels + (pixel - frame * pixels)
    }),
  )
}

function slotsIn(slots: readonly FrameSlot[], frames: readonly number[]): IdentitySlot[] {
  return slots.flatMap(({ frame, ...slot }) => {
    const row = frames.indexOf(frame)
    return row < 0 ? [] : [{ ...slot, row }]
  })
}
