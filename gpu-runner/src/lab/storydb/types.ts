/** Plain data of StoryDB: who is in a frame, what they do, where; and what a rendered frame consists of. */
import type { Attribute, Value } from './vocabulary.ts'

export type Split = 'train' | 'held-out'
export type Part = 'face' | 'upper' | 'lower'

export type Colour = Value<'topColour'>
export type Species = Value<'species'>
export type Fur = Value<'fur'>
export type Action = Value<'action'>
export type Expression = Value<'expression'>
type Facing = Value<'facing'>
export type Place = Value<'place'>
export type Time = Value<'time'>
export type Weather = Value<'weather'>
export type View = Value<'view'>
export type Prop = Exclude<Value<'prop'>, 'none'>
export type HairStyle = Exclude<Value<'hairStyle'>, 'none'>
export type HairColour = Exclude<Value<'hairColour'>, 'none'>
export type AccessoryType = Exclude<Value<'accessory'>, 'none'>

export type Identity = {
  species: Species
  fur: Fur
  hair?: { style: HairStyle; colour: HairColour }
  top: { type: Value<'topType'>; colour: Colour; pattern: Value<'topPattern'> }
  bottom: { type: Value<'bottomType'>; colour: Colour }
  accessory?: { type: AccessoryType; colour: Colour }
}

/** `x`, `y` are where the feet stand and `height` is from there to the tip of ears or hat, in fractions of the frame. */
export type Actor = {
  identity: Identity
  action: Action
  expression: Expression
  facing: Facing
  /** What the character holds, or what stands on the ground at its back. */
  prop?: Prop
  x: number
  y: number
  height: number
}

/** `layoutSeed` decides how the place is laid out: mirrored or not, and where its landmarks stand. */
export type Scene = {
  place: Place
  time: Time
  /** Clear where it is not said. */
  weather?: Exclude<Weather, 'clear'>
  /** Medium where it is not said. */
  view?: Exclude<View, 'medium'>
  layoutSeed: number
  /** How characters are drawn: as first, or, from level 5 on, without stray lines between ears. */
  edition?: 2
}

/** Later actors stand in front of earlier ones. */
export type Frame = { actors: Actor[]; scene: Scene }

/** Soft masks, one byte a pixel, 0..255. The parts are disjoint and lie in `mask`, which has held things besides. */
export type CharacterMasks = { mask: Uint8Array; face: Uint8Array; upper: Uint8Array; lower: Uint8Array }

/** `rgb` has size*size*3 bytes, rows from the top; `characters` is in the order of the frame's actors. */
export type RenderedFrame = { rgb: Uint8Array; characters: CharacterMasks[] }

export type Segment = { text: string; character?: number; part?: Part }

/** How much is said of an identity: all, all but some of the clothes, or the species with or without its colour. */
export type Detail = 'full' | 'partial' | 'short'

/** The caption's text is the segments' texts joined by spaces. `mentions[i]` is what it states about character `i`. */
export type Caption = { segments: Segment[]; mentions: Attribute[][] }
