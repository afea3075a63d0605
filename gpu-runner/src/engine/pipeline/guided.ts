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

/**
 * The `denoise` of `sample`, for latents of all frames in `batches`, in the order of the frames' numbers.
 *
 * Unconditional rows attend to no other frame and are shown nobody: guidance then goes away from what the model would
 * draw of nothing, and the method's cost is paid once instead of twice. At steps where frames attend to others or are
 * shown somebody, these rows have calls of their own; at others both halves are one call, if that has room.
 */
export function guidedDenoise(options: GuidedOptions): Denoise {
  const { denoiser, conditioning, grid, guidance, steps, batches, most, sharing, injection, given, signal } = options
  const frames = batches.flatMap(({ taken }) => taken).sort((a, b) => a - b)
  const slots = new Map(frames.map((frame, slot) => [frame, slot]))
  const { conditional } = conditioning
  return async (x, timestep, step) => {
    const size = x.length / frames.length
    const unconditional = within(guidance, step, steps) ? conditioning.unconditional : null
    const both = new Float32Array(unconditional ? 2 * x.length : x.length)
    const [free, bound] = [both.subarray(0, x.length), both.subarray(both.length - x.length)]
    const listed = sharing?.foreign(step)
    const foreign = listed?.some((level) => level.some((pixels) => pixels.length > 0)) ? listed : undefined
    const labels = foreign && sharing?.labels?.()
    const placed = injection?.slots(frames, timestep)
    const isApart = foreign !== undefined || (placed !== undefined && placed.length > 0)
    const shown = new Map(frames.map((frame) => [frame, given?.(frame, step)]))
    const latentOf = (frame: number) => {
      const slot = slots.get(frame)!
      return shown.get(frame) ?? x.subarray(slot * size, (slot + 1) * size)
    }
    const put = (to: Float32Array, frame: number, output: Float32Array) => to.set(output, slots.get(frame)! * size)
    const rowsOf = (of: readonly number[], texts: readonly ConditioningRow[], selectors?: readonly Float32Array[]) =>
      of.map((frame): DenoiserRow => {
        const selector = selectors?.[frame]
        return { ...texts[frame]!, latent: latentOf(frame), ...(selector && { selector }) }
      })
    const call = { grid, timestep, step: step + 1 }
    for (const batch of batches) {
      signal?.throwIfAborted()
      // A frame that is given at each step is there to be looked at; where guidance would lead it makes no difference.
      const guided = unconditional ? batch.taken.filter((frame) => !shown.get(frame)) : []
      const joined = !isApart && guided.length + batch.frames.length <= most
      const before = unconditional ? rowsOf(guided, unconditional) : []
      if (before.length > 0 && !joined) {
        const { outputs } = await denoiser.run({ ...call, rows: before })
        for (const [i, frame] of guided.entries()) put(free, frame, outputs[i]!)
        signal?.throwIfAborted()
      }
      const first = joined ? before.length : 0
      const { outputs, maps } = await denoiser.run({
        ...call,
        rows: [...before.slice(0, first), ...rowsOf(batch.frames, conditional, sharing?.selectors)],
        characters: sharing?.characters ?? 1,
        ...(foreign && {
          foreign: denoiser.plan.shared.map((level, i) => {
            const { width, height } = levelGrid(grid, level)
            return inBatch(foreign[i]!, batch, width * height)
          }),
        }),
        labels: labels?.map((level) => batch.frames.map((frame) => level[frame]!)),
        ...(placed && { identities: { tokens: injection!.tokens, slots: slotsIn(placed, batch) } }),
      })
      for (const [i, frame] of guided.slice(0, first).entries()) put(free, frame, outputs[i]!)
      for (const frame of batch.taken) {
        const at = first + batch.frames.indexOf(frame)
        put(bound, frame, outputs[at]!)
        if (shown.get(frame)) put(free, frame, outputs[at]!)
        sharing?.observe(step, frame, maps[at]!)
      }
    }
    if (!unconditional) return bound
    return rescaled(guide(both, guidance.scale), both, frames.length, guidance.rescale ?? 0)
  }
}

/** Slots of a batch's frames in the rows of its call. */
function slotsIn(placed: readonly FrameSlot[], { frames }: Batch): IdentitySlot[] {
  return placed.flatMap(({ frame, ...slot }) => {
    const row = frames.indexOf(frame)
    return row < 0 ? [] : [{ ...slot, row }]
  })
}

function within(guidance: Guidance, step: number, steps: number): boolean {
  const [start, end] = guidance.interval ?? [0, 1]
  return isGuided(guidance) && step >= start * steps && step < end * steps
}

/** Foreign pixels of a batch's frames, counted over the rows of its call. */
function inBatch(
  foreign: readonly (readonly number[])[],
  { frames }: Batch,
  pixels: number,
): readonly (readonly number[])[] {
  const place = new Map(frames.map((frame, i) => [frame, i]))
  return frames.map((own) =>
    foreign[own]!.map((pixel) => {
      const frame = Math.floor(pixel / pixels)
      const row = place.get(frame)
      if (row === undefined) throw new RangeError(`frame ${frame} is attended to, and not in the call of ${frames}`)
      return row * pixels + (pixel - frame * pixels)
    }),
  )
}
