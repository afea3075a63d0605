/** Sets of frames to train on: one cast, and for every frame its own poses, scene and choice of who is in it. */

import type { AutoencoderTinyConfig } from '../../engine/models/autoencoder-tiny.ts'
import type { Reference } from '../../story/references/cut-out.ts'
import { type CaptionStyle, captionStyle } from '../storydb/caption.ts'
import { randomFrames } from '../storydb/frames.ts'
import type { Level } from '../storydb/levels.ts'
import { random as stream } from '../storydb/random.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Actor, Frame, Split } from '../storydb/types.ts'
import { groups, parts } from './captions.ts'
import { type EncodedFrame, FrameEncoder } from './frame-encoder.ts'
import type { PoolRecipe } from './latent-pool.ts'
import type { Random } from './random.ts'
import { cutOutOf } from './references.ts'
import { Window } from './window.ts'

export interface SetPoolRecipe extends PoolRecipe {
  /** Frames of a set, and further ones of the same cast that only give references. */
  frames: number
  outside: number
  /** Side of the reference pictures that are kept, in pixels. */
  reference: number
  /** Share of frames with several characters from which one stays away. */
  absent: number
}

export interface SetFrame extends EncodedFrame {
  frame: Frame
  /** The wording of its captions. */
  style: CaptionStyle
  /** For each actor of the frame its place in the cast; masks are in the order of the cast. */
  cast: number[]
}

export interface FrameSet {
  frames: SetFrame[]
  /** References by frame, those outside the set last, and by place in the cast; null where it is not to be seen. */
  references: (Reference | null)[][]
}

export interface SetPoolOptions extends SetPoolRecipe {
  folder: string
  config: AutoencoderTinyConfig
  seed: number
  split?: Split
}

/** The endless row of sets that `seed` names. */
export class SetPool {
  readonly latentShape: readonly [number, number, number]
  readonly #encoder: FrameEncoder
  readonly #window: Window<FrameSet>

  static async open(options: SetPoolOptions): Promise<SetPool> {
    return new SetPool(options, await FrameEncoder.open(options))
  }

  private constructor(options: SetPoolOptions, encoder: FrameEncoder) {
    this.latentShape = encoder.latentShape
    this.#encoder = encoder
    this.#window = new Window(options, (indices) => makeSets(indices, options, encoder))
  }

  batch(step: number, size: number, random: Random): Promise<FrameSet[]> {
    return this.#window.batch(step, size, random)
  }

  close(): Promise<void> {
    return this.#encoder.close()
  }
}

async function makeSets(
  indices: readonly number[],
  options: SetPoolOptions,
  encoder: FrameEncoder,
): Promise<FrameSet[]> {
  const { seed, levels, split = 'train', frames: count, size, reference } = options
  const levelOf = (index: number) => levels[index % levels.length]!
  const drawn = indices.map((index) => drawSet(seed, index, levelOf(index), split, options))
  const rendered = drawn.map(({ frames }) => frames.map((frame) => renderFrame(frame, size)))
  const encoded = await encoder.encode(rendered.flatMap((set) => set.slice(0, count)))
  return drawn.map(({ frames, cast, size: castSize }, s) => ({
    frames: frames.slice(0, count).map((frame, i) => {
      const { latent, masks } = encoded[s * count + i]!
      const style = captionStyle(levelOf(indices[s]!))
      return { frame, style, cast: cast[i]!, latent, masks: inCastOrder(masks, cast[i]!) }
    }),
    references: rendered[s]!.map((frame, i) => {
      const own: (Reference | null)[] = Array.from({ length: castSize }, () => null)
      for (const [actor, place] of cast[i]!.entries()) own[place] = cutOutOf(frame, actor, size, reference)
      return own
    }),
  }))
}

/** Frames of one set, and for each the places of its actors in the cast of `size`. */
export function drawSet(
  seed: number,
  index: number,
  level: Level,
  split: Split,
  { frames: count, outside, absent }: Pick<SetPoolRecipe, 'frames' | 'outside' | 'absent'>,
): { frames: Frame[]; cast: number[][]; size: number } {
  const whole = randomFrames(seed, index, count + outside, { level, split })
  const identities = whole[0]!.actors.map(({ identity }) => identity)
  const frames = whole.map((frame, i) => {
    const r = stream(seed, index, i, 0xab5e)
    if (frame.actors.length === 1 || !r.chance(absent)) return frame
    const away = r.pick(frame.actors)
    return { ...frame, actors: closedUp(frame.actors.filter((actor) => actor !== away)) }
  })
  const cast = frames.map(({ actors }) => actors.map(({ identity }) => identities.indexOf(identity)))
  return { frames, cast, size: identities.length }
}

/** Those who stay share the whole width, as if nobody had been there. */
function closedUp(actors: readonly Actor[]): Actor[] {
  const before = actors.length + 1
  return actors.map((actor, i) => {
    const jitter = actor.x - (Math.floor(actor.x * before) + 0.5) / before
    return { ...actor, x: (i + 0.5) / actors.length + jitter }
  })
}

/** Masks by actor → masks by place in the cast. */
function inCastOrder(masks: Uint8Array, cast: readonly number[]): Uint8Array {
  const out = new Uint8Array(masks.length)
  const length = (masks.length / groups) * parts.length
  for (const [actor, place] of cast.entries())
    out.set(masks.subarray(actor * length, (actor + 1) * length), place * length)
  return out
}
