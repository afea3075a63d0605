import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomFrames } from './frames.ts'
import { type HeldProp, heldProps, type StandingProp, standingProps } from './props.ts'
import { renderFrame } from './render.ts'
import type { Actor, Frame, Identity } from './types.ts'
import { VOCABULARY } from './vocabulary.ts'

const SIZE = 64

const heldThings = Object.keys(heldProps) as HeldProp[]
const standingThings = Object.keys(standingProps) as StandingProp[]

const identity: Identity = {
  species: 'fox',
  fur: 'gray',
  top: { type: 'shirt', colour: 'red', pattern: 'plain' },
  bottom: { type: 'pants', colour: 'blue' },
}
const actor: Actor = {
  identity,
  action: 'standing',
  expression: 'happy',
  facing: 'right',
  x: 0.5,
  y: 0.95,
  height: 0.85,
}
const scene = { place: 'forest', time: 'day', layoutSeed: 1 } as const
const frameOf = (change: Partial<Actor> = {}, where: Partial<Frame['scene']> = {}): Frame => ({
  actors: [{ ...actor, ...change }],
  scene: { ...scene, ...where },
})
const wearing = (change: Partial<Identity>): Frame => frameOf({ identity: { ...identity, ...change } })
const girl = { species: 'girl', fur: 'tan' } as const

/** How many pixels of two renderings differ visibly. */
function difference(a: Frame, b: Frame): number {
  const [x, y] = [renderFrame(a, SIZE).rgb, renderFrame(b, SIZE).rgb]
  return x.filter((value, i) => Math.abs(value - y[i]!) > 24).length
}

test('a frame renders to the same bytes every time, whatever was rendered before', () => {
  const [a, b] = [1, 2].map((set) => randomFrames(1, set, 1, { level: 3, split: 'train' })[0]!)
  const first = renderFrame(a!, SIZE)
  renderFrame(b!, SIZE)
  renderFrame(b!, 32)
  assert.deepEqual(renderFrame(a!, SIZE), first)
})

test('pixels are opaque colour at any size', () => {
  for (const size of [16, 100, 256]) {
    const { rgb, characters } = renderFrame(frameOf(), size)
    assert.equal(rgb.length, size * size * 3)
    assert.equal(characters[0]!.mask.length, size * size)
  }
  for (const size of [0, -8, 1.5, Number.NaN])
    assert.throws(() => renderFrame(frameOf(), size), new RegExp(`size ${size}`))
})

test('every value of the vocabulary is drawn: no two of an attribute look alike', () => {
  const variants: Record<string, Frame[]> = {
    species: VOCABULARY.species.map((species) => wearing({ species })),
    fur: VOCABULARY.fur.map((fur) => wearing({ fur })),
    hairStyle: VOCABULARY.hairStyle
      .slice(1)
      .map((style) => wearing({ ...girl, hair: { style: style as 'long', colour: 'red' } })),
    hairColour: VOCABULARY.hairColour
      .slice(1)
      .map((colour) => wearing({ ...girl, hair: { style: 'long', colour: colour as 'red' } })),
    topType: VOCABULARY.topType.map((type) => wearing({ top: { ...identity.top, type } })),
    topColour: VOCABULARY.topColour.map((colour) => wearing({ top: { ...identity.top, colour } })),
    topPattern: VOCABULARY.topPattern.map((pattern) => wearing({ top: { ...identity.top, pattern } })),
    bottomType: VOCABULARY.bottomType.map((type) => wearing({ bottom: { type, colour: 'blue' } })),
    bottomColour: VOCABULARY.bottomColour.map((colour) => wearing({ bottom: { type: 'pants', colour } })),
    accessory: VOCABULARY.accessory.map((type) =>
      wearing(type === 'none' ? {} : { accessory: { type, colour: 'purple' } }),
    ),
    accessoryColour: VOCABULARY.topColour.map((colour) => wearing({ accessory: { type: 'cap', colour } })),
    action: VOCABULARY.action.map((action) => frameOf({ action })),
    expression: VOCABULARY.expression.map((expression) => frameOf({ expression })),
    facing: VOCABULARY.facing.map((facing) => frameOf({ facing })),
    place: VOCABULARY.place.map((place) => frameOf({}, { place })),
    time: VOCABULARY.time.map((time) => frameOf({}, { time })),
    weather: [frameOf(), frameOf({}, { weather: 'rain' }), frameOf({}, { weather: 'snow' })],
    view: [frameOf(), frameOf({}, { view: 'close-up' })],
    held: heldThings.map((prop) => frameOf({ action: 'holding', prop })),
    beside: standingThings.map((prop) => frameOf({ prop, height: 0.6, x: 0.7 })),
    layout: [1, 2, 3, 4].map((layoutSeed) => frameOf({}, { layoutSeed })),
  }
  for (const [attribute, frames] of Object.entries(variants)) {
    for (let i = 0; i < frames.length; i++) {
      for (let j = 0; j < i; j++) {
        assert.ok(difference(frames[i]!, frames[j]!) > 20, `${attribute}: values ${j} and ${i} look alike`)
      }
    }
  }
})

test('parts are disjoint and inside the mask, and each is there', () => {
  for (let set = 0; set < 40; set++) {
    const { characters } = renderFrame(randomFrames(6, set, 1, { level: 1, split: 'train' })[0]!, SIZE)
    for (const { mask, face, upper, lower } of characters) {
      for (let i = 0; i < mask.length; i++) assert.ok(face[i]! + upper[i]! + lower[i]! <= mask[i]!)
      for (const part of [face, upper, lower]) assert.ok(part.some((value) => value > 200))
    }
  }
})

test('the mask is where the picture changes when the character changes colour', () => {
  const [gray, orange] = [wearing({ fur: 'gray' }), wearing({ fur: 'orange' })].map((frame) => renderFrame(frame, SIZE))
  const { mask } = gray!.characters[0]!
  for (let i = 0; i < mask.length; i++) {
    if (mask[i]) continue
    for (const c of [0, 1, 2]) assert.equal(gray!.rgb[3 * i + c], orange!.rgb[3 * i + c], `pixel ${i}`)
  }
})

test('who stands in front hides who stands behind, to the last bit of rounding', () => {
  const front: Actor = { ...actor, x: 0.62, identity: { ...identity, species: 'bear' } }
  const alone = renderFrame({ actors: [actor], scene }, SIZE).characters[0]!.mask
  const [behind, before] = renderFrame({ actors: [actor, front], scene }, SIZE).characters.map(({ mask }) => mask)
  let hidden = 0
  for (let i = 0; i < alone.length; i++) {
    assert.ok(behind![i]! + before![i]! <= 256, `pixel ${i} is covered twice`)
    if (before![i] === 0) assert.equal(behind![i], alone[i])
    if (before![i] === 255) hidden += alone[i]! - behind![i]!
    if (before![i] === 255) assert.ok(behind![i]! <= 1, `pixel ${i} is hidden and yet ${behind![i]}`)
  }
  assert.ok(hidden > 0)
})

test('characters of level 1 stay inside the frame', () => {
  for (let set = 0; set < 60; set++) {
    const { characters } = renderFrame(randomFrames(2, set, 1, { level: 1, split: 'train' })[0]!, SIZE)
    const { mask } = characters[0]!
    const cut = Array.from({ length: SIZE }, (_, i) => [mask[i * SIZE]!, mask[i * SIZE + SIZE - 1]!]).flat()
    assert.ok(cut.filter((value) => value > 128).length <= 4, `set ${set} is cut off at a side`)
  }
})
