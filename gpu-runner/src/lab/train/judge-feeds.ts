/** What the judges learn from: two frames of a set, and one character of it in both, as a denoiser might have drawn them. */

import type { HostTensor } from '../../engine/runtime/tensor.ts'
import { areaMask, type Mask, portraitPlanes, squareAround, wholePlanes } from '../../story/measures/pictures.ts'
import { type JudgesConfig, places, portraitHeads, sceneHeads, sides } from '../judges/networks.ts'
import { randomFrames } from '../storydb/frames.ts'
import { attributeLabels } from '../storydb/labels.ts'
import type { Level } from '../storydb/levels.ts'
import { renderFrame } from '../storydb/render.ts'
import type { Frame } from '../storydb/types.ts'
import type { Attribute } from '../storydb/vocabulary.ts'
import type { Random } from './random.ts'
import type { WindowRecipe } from './window.ts'

export interface JudgesRecipe extends WindowRecipe {
  networks: JudgesConfig
  /** Sets in a step; each gives two pictures and two portraits of one character. */
  sets: number
  levels: readonly Level[]
  /** Picture side in pixels. */
  size: number
  /** Held-out sets that the card's figures are measured on. */
  measured: number
  rate: number
  steps: number
}

export interface JudgeFrame {
  frame: Frame
  rgb: Uint8Array
  masks: readonly Mask[]
}

/** The seed of a run and this keep the judges' renders apart from those that generators learn from. */
const apart = 0x6a756467

/**
 * Two frames of set `index`. Both splits are shown in turn: a judge that never saw a combination would score it lower, and
 * what it is measured on, or scores, is never a render that it has seen.
 */
export function judgeSet(seed: number, index: number, { levels, size }: JudgesRecipe): JudgeFrame[] {
  const level = levels[index % levels.length]!
  const split = Math.floor(index / levels.length) % 2 === 0 ? 'train' : 'held-out'
  return randomFrames(seed ^ apart, index, 2, { level, split }).map((frame) => {
    const { rgb, characters } = renderFrame(frame, size)
    return { frame, rgb, masks: characters.map(({ mask }) => areaMask(mask, size, sides.map)) }
  })
}

/** Inputs of one step: all first frames, then all second ones. */
export function judgeFeeds(sets: readonly (readonly JudgeFrame[])[], size: number, random: Random) {
  const chosen = sets.map((frames) => commonCharacter(frames, random))
  const items = [0, 1].flatMap((side) =>
    sets.map((frames, set) => ({ ...frames[side]!, character: chosen[set]![side]! })),
  )
  const looks = items.map(({ rgb }) => ({ rgb: weathered(rgb, size, random), size }))
  const feeds: Record<string, HostTensor> = {
    picture: stack(
      looks.map((look) => wholePlanes(look, sides.picture)),
      [3, sides.picture, sides.picture],
    ),
    portrait: stack(
      items.map(({ masks, character }, i) => {
        const mask = masks[character]!
        const around = squareAround(mask) ?? { left: 0, top: 0, side: 1 }
        const shift = () => 0.08 * around.side * (random.uniform() - 0.5)
        const side = around.side * (0.95 + 0.15 * random.uniform())
        const square = { left: around.left + shift(), top: around.top + shift(), side }
        return portraitPlanes(looks[i]!, mask, square, sides.portrait)
      }),
      [4, sides.portrait, sides.portrait],
    ),
    where: stack(
      items.map(({ masks }) => locatorTarget(masks)),
      [3, sides.map, sides.map],
    ),
    scene: labels(items, sceneHeads),
    who: labels(items, portraitHeads),
  }
  return feeds
}

/** A character that is seen in both frames, as its place in each; frames order their actors anew. */
function commonCharacter(frames: readonly JudgeFrame[], random: Random): [number, number] {
  const [first, second] = frames as [JudgeFrame, JudgeFrame]
  const same = first.frame.actors.map(({ identity }) =>
    second.frame.actors.findIndex((other) => other.identity.species === identity.species),
  )
  const seen = same.flatMap((at, i): [number, number][] =>
    squareAround(first.masks[i]!) && squareAround(second.masks[at]!) ? [[i, at]] : [],
  )
  return seen[random.below(Math.max(1, seen.length))] ?? [0, same[0]!]
}

/** [3,side,side]: how much of a cell is a character, and from there how far it is to the middle of the foremost one. */
function locatorTarget(masks: readonly Mask[]): Float32Array {
  const { side } = masks[0]!
  const cells = side * side
  const target = new Float32Array(3 * cells)
  const middles = masks.map(({ data }) => {
    const total = data.reduce((a, b) => a + b, 0) || 1
    const mean = (of: (i: number) => number) => data.reduce((sum, value, i) => sum + value * of(i), 0) / total
    return { x: mean((i) => ((i % side) + 0.5) / side), y: mean((i) => (Math.floor(i / side) + 0.5) / side) }
  })
  for (let i = 0; i < cells; i++) {
    const values = masks.map(({ data }) => data[i]!)
    const owner = middles[values.indexOf(Math.max(...values))]!
    target[i] = Math.min(
      1,
      values.reduce((a, b) => a + b, 0),
    )
    target[cells + i] = owner.x - ((i % side) + 0.5) / side
    target[2 * cells + i] = owner.y - (Math.floor(i / side) + 0.5) / side
  }
  return target
}

/**
 * A picture softer, noisier, lighter or darker than it was: a denoiser's are not as clean as renders. These loops run over
 * all pixels of a step, and make no object in them.
 */
function weathered(rgb: Uint8Array, size: number, random: Random): Uint8Array {
  const out = random.uniform() < 0.6 ? blurred(rgb, size, 1 + random.below(2)) : rgb.slice()
  const [gain, lift, noise] = [1 + 0.16 * (random.uniform() - 0.5), 16 * (random.uniform() - 0.5), random.uniform()]
  let state = random.below(2 ** 31) | 1
  for (let i = 0; i < out.length; i++) {
    // A linear congruential generator; its upper bits are noise enough, −14 … 14 at most.
    state = (Math.imul(state, 1664525) + 1013904223) | 0
    const value = out[i]! * gain + lift + noise * 14 * (state / 2 ** 31)
    out[i] = value < 0 ? 0 : value > 255 ? 255 : value
  }
  return out
}

/** Mean of each pixel and its neighbour along either axis, `times` over, there and back so that nothing moves; rows wrap. */
function blurred(rgb: Uint8Array, size: number, times: number): Uint8Array {
  const out = rgb.slice()
  const row = 3 * size
  for (let time = 0; time < times; time++)
    for (const step of [3, row]) {
      for (let i = 0; i < out.length - step; i++) out[i] = (out[i]! + out[i + step]!) >> 1
      for (let i = out.length - 1; i >= step; i--) out[i] = (out[i]! + out[i - step]! + 1) >> 1
    }
  return out
}

/** The right value of each head as ones among zeros, [N, classes]. */
function labels(items: readonly { frame: Frame; character: number }[], heads: readonly Attribute[]): HostTensor {
  const all = places(heads)
  const width = all.at(-1)!.to
  const data = new Float32Array(items.length * width)
  for (const [i, { frame, character }] of items.entries()) {
    const own = attributeLabels(frame, character)
    for (const { name, from } of all) data[i * width + from + own[name]] = 1
  }
  return { data, shape: [items.length, width] }
}

function stack(rows: readonly Float32Array[], shape: readonly number[]): HostTensor {
  const size = shape.reduce((a, b) => a * b, 1)
  const data = new Float32Array(rows.length * size)
  for (const [i, row] of rows.entries()) data.set(row, i * size)
  return { data, shape: [rows.length, ...shape] }
}
