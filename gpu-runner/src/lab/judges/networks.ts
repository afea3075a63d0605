/**
 * The judges' networks: one finds characters and classifies the scene, the other classifies who a character is and what it does.
 * They see pixels and learn from renders alone; nothing of them is shared with a generator, whose pictures they score.
 */
import { z } from 'zod'
import { relu } from '../../engine/graph/activation.ts'
import { add, div, offset, sqrt, square } from '../../engine/graph/arithmetic.ts'
import { sum } from '../../engine/graph/reduce.ts'
import { concat, reshape, upsample2x } from '../../engine/graph/shape.ts'
import { known, type Value } from '../../engine/graph/value.ts'
import { conv, linear } from '../../engine/nn/layers.ts'
import type { Weights } from '../../engine/nn/weights.ts'
import { ATTRIBUTES, type Attribute, VOCABULARY } from '../storydb/vocabulary.ts'

/** Sides in pixels: of a whole picture and a portrait as the networks take them, and of the maps of where characters are. */
export const sides = { picture: 64, portrait: 64, map: 32 }

export const sceneHeads = ['place', 'time', 'weather', 'view'] as const satisfies Attribute[]
export const portraitHeads = ATTRIBUTES.filter((name) => !(sceneHeads as readonly Attribute[]).includes(name))

/** How many leading values of each of `VOCABULARY`'s lists are classes of a network; an attribute without classes has no head. */
export type Classes = Partial<Record<Attribute, number>>

/** All that there are: those of networks trained today. */
export const allClasses: Classes = Object.fromEntries(ATTRIBUTES.map((name) => [name, VOCABULARY[name].length]))

export const JudgesConfig = z.object({
  _class_name: z.literal('Judges'),
  /** Channels at a half, a quarter and an eighth of the picture. */
  locator: z.tuple([z.int(), z.int(), z.int()]),
  /** Channels after each halving of a portrait; a residual convolution follows each. */
  portrait: z.tuple([z.int(), z.int(), z.int(), z.int()]),
  /** Of the layer before a network's answers. */
  width: z.int(),
  /** Of the vector that identities are compared by. */
  embedding: z.int(),
  /** `Classes` of the day on which the networks were trained; all that there are, where it is not said. */
  classes: z.record(z.string(), z.int().min(1)).optional(),
})
export type JudgesConfig = z.infer<typeof JudgesConfig>

/** Where the logits of each head lie in one row of answers; heads without classes are left out. */
export function places(
  heads: readonly Attribute[],
  classes: Classes = allClasses,
): { name: Attribute; from: number; to: number }[] {
  let to = 0
  return heads.flatMap((name) => (classes[name] ? [{ name, from: to, to: (to += classes[name]) }] : []))
}

export interface SceneAnswer {
  /** [N,3,32,32]: logit of a character, and how far its middle is to the right and below, in sides of the picture. */
  map: Value
  /** [N, classes of `sceneHeads`] */
  logits: Value
}

/** picture[N,3,64,64] in −1 … 1. */
export function judgeScene(picture: Value, w: Weights, { locator, width, classes }: JudgesConfig): SceneAnswer {
  const [half, quarter, eighth] = locator
  const layer = (x: Value, name: string, out: number, stride: 1 | 2 = 1) =>
    relu(conv(x, w.at(name), out, 3, { stride, init: 'kaiming' }))
  const first = layer(picture, 'down1', half, 2)
  const second = layer(first, 'down2', quarter, 2)
  const third = layer(layer(second, 'down3', eighth, 2), 'deep', eighth)
  const up = layer(concat([upsample2x(third), second], 1), 'up1', quarter)
  const map = conv(layer(concat([upsample2x(up), first], 1), 'up2', half), w.at('map'), 3, 3)
  const scene = relu(linear(flat(layer(third, 'scene', eighth, 2)), w.at('hidden'), width, { init: 'kaiming' }))
  return { map, logits: linear(scene, w.at('answers'), places(sceneHeads, classes).at(-1)!.to) }
}

export interface PortraitAnswer {
  /** [N, classes of `portraitHeads`] */
  logits: Value
  /** Of length 1, [N,E]. */
  embedding: Value
}

/** portrait[N,4,64,64]: colours in −1 … 1, and how much of each pixel is the character, 0 … 1. */
export function judgePortrait(portrait: Value, w: Weights, config: JudgesConfig): PortraitAnswer {
  let h = portrait
  for (const [i, out] of config.portrait.entries()) {
    h = relu(conv(h, w.at('down').at(i), out, 3, { stride: 2, init: 'kaiming' }))
    h = add(h, relu(conv(h, w.at('deep').at(i), out, 3)))
  }
  const hidden = relu(linear(flat(h), w.at('hidden'), config.width, { init: 'kaiming' }))
  const vector = linear(hidden, w.at('embedding'), config.embedding)
  const length = sqrt(offset(sum(square(vector), [1]), 1e-8))
  return {
    logits: linear(hidden, w.at('answers'), places(portraitHeads, config.classes).at(-1)!.to),
    embedding: div(vector, length),
  }
}

function flat(x: Value): Value {
  const [n, ...rest] = x.shape
  return reshape(x, [n!, rest.reduce<number>((size, dim) => size * known(dim, 'judges: size'), 1)])
}
