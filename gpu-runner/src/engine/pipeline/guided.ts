/** The guided denoiser: one step of sampling for all frames, within the memory allowed, and guidance over its outputs. */
import { type Denoise, guide, rescaled } from '../diffusion/sample.ts'
import type { Grid } from './attention-plan.ts'
import type { Batch } from './batches.ts'
import type { Conditioning } from './conditioning.ts'
import type { Denoiser } from './denoiser.ts'
import { denoiserCall, type FrameSlot, type Step, stepCalls } from './step-calls.ts'

export interface Guidance {
  readonly scale: number
  /** 0 … 1 */
  readonly rescale?: number | undefined
  /** Shares of the steps between which to guide, [0, 1] for all; elsewhere the conditional output is taken as it is. */
  readonly interval?: readonly [number, number] | undefined
}

/** Without guidance there are no unconditional rows to compute, as in diffusers. */
export const isGuided = ({ scale }: Guidance) => scale > 1

/** Attention shared among frames. Lists by frame go by the frames' numbers. */
export interface Sharing {
  /** For each frame the mean over each group of tokens, [T,K]. */
  readonly selectors: readonly Float32Array[]
  /** K */
  readonly tokenGroups: number
  /** For each shared level, for each frame: the pixels of other frames that it attends to, as `frame · pixels + pixel`. */
  sharedPixels(step: number): readonly (readonly (readonly number[])[])[]
  /**
   * For each shared level, for each frame: the character that each pixel belongs to, from 1, or 0 for none. A pixel of one
   * character then attends to no shared pixel of another. Undefined where all may attend to all.
   */
  labels?(): readonly (readonly Uint8Array[])[] | undefined
  /** Attention of one frame to each group of tokens [S,K], on the grid of the plan's maps. */
  observe(step: number, frame: number, map: Float32Array): void
}

/** Which identities go where. */
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
  /**
   * The latent of a frame at a step, noised to it, where it is known beforehand; undefined for frames that are sampled.
   * The model then gets this one, and the sampler's result for the frame is ignored.
   */
  readonly given?: ((frame: number, step: number) => Float32Array | undefined) | undefined
  readonly signal?: AbortSignal | undefined
}

/** The `denoise` of `sample`, for latents of all frames in `batches`, in the order of the frames' numbers. */
export function guidedDenoise(options: GuidedOptions): Denoise {
  const { denoiser, guidance, batches, most, sharing, signal } = options
  const frames = batches.flatMap(({ taken }) => taken).sort((a, b) => a - b)
  const places = new Map(frames.map((frame, place) => [frame, place]))
  return async (x, timestep, index) => {
    const size = x.length / frames.length
    const placeOf = (frame: number) => places.get(frame)! * size
    const sampled = (frame: number) => x.subarray(placeOf(frame), placeOf(frame) + size)
    const step = beginStep(options, { frames, sampled, timestep, index })
    const guided = step.conditioning.unconditional !== null
    // [unconditional | conditional], or the conditional half alone.
    const both = new Float32Array(guided ? 2 * x.length : x.length)
    const [free, bound] = [both.subarray(0, x.length), both.subarray(both.length - x.length)]
    for (const call of stepCalls(batches, most, step)) {
      signal?.throwIfAborted()
      const { outputs, maps } = await denoiser.run(denoiserCall(call, step, denoiser.plan.shared))
      for (const [row, frame] of call.unconditional.entries()) free.set(outputs[row]!, placeOf(frame))
      for (const frame of call.taken) {
        const row = call.unconditional.length + call.conditional.indexOf(frame)
        bound.set(outputs[row]!, placeOf(frame))
        if (step.known.has(frame)) free.set(outputs[row]!, placeOf(frame))
        sharing?.observe(index, frame, maps[row]!)
      }
    }
    return guided ? rescaled(guide(both, guidance.scale), both, frames.length, guidance.rescale ?? 0) : bound
  }
}

interface StepBeginning {
  readonly frames: readonly number[]
  /** The latent of a frame as the sampler has it. */
  readonly sampled: (frame: number) => Float32Array
  readonly timestep: number
  /** From 0. */
  readonly index: number
}

function beginStep(options: GuidedOptions, { frames, sampled, timestep, index }: StepBeginning): Step {
  const { conditioning, grid, sharing, injection, given } = options
  const listed = sharing?.sharedPixels(index)
  const shares = listed?.some((level) => level.some((pixels) => pixels.length > 0)) ?? false
  const labels = shares ? sharing?.labels?.() : undefined
  const slots = injection?.slots(frames, timestep)
  const latents = new Map(frames.map((frame) => [frame, given?.(frame, index)]))
  return {
    number: index + 1,
    timestep,
    grid,
    conditioning: isGuidedAt(options, index) ? conditioning : { ...conditioning, unconditional: null },
    latentOf: (frame) => latents.get(frame) ?? sampled(frame),
    known: new Set(frames.filter((frame) => latents.get(frame))),
    selectors: sharing?.selectors,
    tokenGroups: sharing?.tokenGroups ?? 1,
    sharedPixels: shares ? listed : undefined,
    labels,
    identities: slots && { tokens: injection!.tokens, slots },
  }
}

function isGuidedAt({ guidance, steps }: GuidedOptions, index: number): boolean {
  const [start, end] = guidance.interval ?? [0, 1]
  return isGuided(guidance) && index >= start * steps && index < end * steps
}
