/** One step of sampling for all frames: calls of the UNet within the memory allowed, and guidance over their outputs. */

import { type Denoise, guide, rescaled } from '../diffusion/sample.ts'
import { type Grid, levelGrid } from './attention-plan.ts'
import type { Batch } from './batches.ts'
import type { Conditioning, ConditioningRow } from './conditioning.ts'
import type { Denoiser, DenoiserRow } from './denoiser.ts'
import type { IdentitySlot } from './slots.ts'

export interface Guidance {
  readonly scale: number
  /** 0 … 1 */
  readonly rescale?: number | undefined
  /** Shares of the steps between which to guide, [0, 1] for all; elsewhere the conditional output is taken as it is. */
  readonly interval?: readonly [number, number] | undefined
}

/** Without guidance there are no unconditional rows to compute, as in diffusers. */
export const isGuided = ({ scale }: Guidance) => scale > 1

/** Who attends to whom. */
export interface Sharing {
  /** Mean over each character's tokens, [T,K] for each frame. */
  readonly selectors: readonly Float32Array[]
  readonly characters: number
  /** For each shared level, for each frame, foreign pixels as `frame · pixels + pixel`. */
  foreign(step: number): readonly (readonly (readonly number[])[])[]
  /**
   * For each shared level, for each frame, whose each pixel is: a character from 1, or 0 for nobody. A pixel of one
   * character then sees no foreign pixel of another. Undefined where they are not guarded from each other.
   */
  labels?(): readonly (readonly Uint8Array[])[] | undefined
  /** Attention of one frame to each character [S,K], on the grid of the plan's maps. */
  observe(step: number, frame: number, map: Float32Array): void
}

/** A region of a frame that references are drawn at. */
export interface FrameSlot extends Omit<IdentitySlot, 'row'> {
  readonly frame: number
}

/** Which identities go where. Unconditional rows get none: guidance goes away from a picture of nobody in particular. */
export interface Injection {
  /** Of each reference, [T,X]. */
  readonly tokens: readonly Float32Array[]
  slots(frames: readonly number[], timestep: number): readonly FrameSlot[]
}

export interface GuidedOptions {
  readonly denoiser: Denoiser
  readonly conditioning: Conditioning
  /** Of one frame's latent. */
  readonly grid: Grid
  readonly guidance: Guidance
  readonly steps: number
  readonly batches: readonly Batch[]
  /** Rows that one call may have. */
  readonly most: number
  readonly sharing?: Sharing | undefined
  readonly injection?: Injection | undefined
  /** What the model is shown of a frame at a step, whatever is being sampled in its place; undefined for most frames. */
  readonly given?: ((frame: number, step: number) => Float32Array | undefined) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The `denoise` of `sample`, for latents of all frames in `batches`, in the order of the frames' numbers. */
export function guidedDenoise(options: GuidedOptions): Denoise {
  const { denoiser, conditioning, grid, guidance, steps, batches, most, sharing, injection, given, signal } = options
  const frames = batches.flatMap(({ taken }) => taken).sort((a, b) => a - b)
  const slots = new Map(frames.map((frame, slot) => [frame, slot]))
  return async (x, timestep, step) => {
    const size = x.length / frames.length
    const both = new Float32Array(2 * x.length)
    const foreign = sharing?.foreign(step)
    const labels = sharing?.labels?.()
    const placed = injection?.slots(frames, timestep)
    const latentOf = (frame: number) => {
      const shown = given?.(frame, step)
      if (shown) return shown
      const slot = slots.get(frame)!
      return x.subarray(slot * size, (slot + 1) * size)
    }
    const { conditional } = conditioning
    const row = (frame: number, rows: readonly ConditioningRow[]): DenoiserRow => ({
      ...rows[frame]!,
      latent: latentOf(frame),
      // Nobody asks where the characters of an unconditional row are.
      ...(sharing && rows === conditional && { selector: sharing.selectors[frame]! }),
    })
    const unconditional = within(guidance, step, steps) ? conditioning.unconditional : null
    const halves = unconditional ? [unconditional, conditional] : [conditional]
    for (const batch of batches)
      for (const together of 2 * batch.frames.length <= most ? [halves] : halves.map((half) => [half])) {
        signal?.throwIfAborted()
        const { outputs, maps } = await denoiser.run({
          rows: together.flatMap((half) => batch.frames.map((frame) => row(frame, half))),
          grid,
          timestep,
          characters: sharing?.characters ?? 1,
          ...(foreign && {
            foreign: denoiser.plan.shared.map((level, i) => {
              const { width, height } = levelGrid(grid, level)
              return inBatch(foreign[i]!, batch, width * height, together.length)
            }),
          }),
          labels: labels?.map((level) => together.flatMap(() => batch.frames.map((frame) => level[frame]!))),
          ...(placed && {
            identities: { tokens: injection!.tokens, slots: slotsIn(placed, batch, together, conditional) },
          }),
          step: step + 1,
        })
        for (const [h, half] of together.entries())
          for (const frame of batch.taken) {
            const at = h * batch.frames.length + batch.frames.indexOf(frame)
            const isConditional = half === conditional
            both.set(outputs[at]!, (isConditional ? x.length : 0) + slots.get(frame)! * size)
            if (isConditional) sharing?.observe(step, frame, maps[at]!)
          }
      }
    if (!unconditional) return both.slice(x.length)
    return rescaled(guide(both, guidance.scale), both, frames.length, guidance.rescale ?? 0)
  }
}

/** Slots of a batch's frames in the rows of a call of these halves. */
function slotsIn(
  placed: readonly FrameSlot[],
  { frames }: Batch,
  halves: readonly (readonly ConditioningRow[])[],
  conditional: readonly ConditioningRow[],
): IdentitySlot[] {
  const first = halves.indexOf(conditional) * frames.length
  if (first < 0) return []
  return placed.flatMap(({ frame, ...slot }) => {
    const at = frames.indexOf(frame)
    return at < 0 ? [] : [{ ...slot, row: first + at }]
  })
}

function within(guidance: Guidance, step: number, steps: number): boolean {
  const [start, end] = guidance.interval ?? [0, 1]
  return isGuided(guidance) && step >= start * steps && step < end * steps
}

/** Foreign pixels of a batch's frames, counted over the rows of its call, which holds the frames `times` over. */
function inBatch(
  foreign: readonly (readonly number[])[],
  { frames }: Batch,
  pixels: number,
  times: number,
): readonly (readonly number[])[] {
  const place = new Map(frames.map((frame, i) => [frame, i]))
  return Array.from({ length: times * frames.length }, (_, row) => {
    const first = row - (row % frames.length)
    return foreign[frames[row % frames.length]!]!.map((pixel) => {
      const frame = Math.floor(pixel / pixels)
      const at = place.get(frame)
      if (at === undefined) throw new RangeError(`frame ${frame} is attended to, and not in the call of ${frames}`)
      return (first + at) * pixels + (pixel - frame * pixels)
    })
  })
}
