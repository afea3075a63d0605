/** Draws sets of frames: one cast each, and for every frame fresh poses, moods, places and layouts. */

import type { Level } from './levels.ts'
import { hashText, type Random, random, shuffled } from './random.ts'
import type { AccessoryType, Actor, Colour, Frame, HairColour, HairStyle, Identity, Split } from './types.ts'
import { fursOf, hairStylesOf, isEveryday, isWide, valuesAt } from './vocabulary.ts'
import { wideFrame } from './wide-frames.ts'

/** Share of (species, top colour, bottom colour) combinations that training never sees. */
const HELD_OUT_SHARE = 0.08

/** Whether this combination of species, top colour and bottom colour is kept from training. */
export function isHeldOut({ species, top, bottom }: Identity): boolean {
  return hashText(`${species}/${top.colour}/${bottom.colour}`) < HELD_OUT_SHARE * 2 ** 32
}

/** Set number `set` of the endless collection named by `seed`: `frames` frames of one cast. */
export function randomFrames(
  seed: number,
  set: number,
  frames: number,
  { level, split }: { level: Level; split: Split },
): Frame[] {
  const cast = randomCast(random(seed, set, level), level, split)
  return Array.from({ length: frames }, (_, frame) => randomFrame(random(seed, set, level, frame), cast, level))
}

/** Who is in a set: different species, all of them held-out combinations or none. */
function randomCast(r: Random, level: Level, split: Split): Identity[] {
  const size = isWide(level) ? r.pick([1, 1, 2, 2, 3]) : level >= 3 ? r.pick([1, 2, 2, 3]) : 1
  const cast: Identity[] = []
  while (cast.length < size) {
    const identity = randomIdentity(r, level)
    const fits = isHeldOut(identity) === (split === 'held-out')
    if (fits && !cast.some(({ species }) => species === identity.species)) cast.push(identity)
  }
  return cast
}

function randomIdentity(r: Random, level: Level): Identity {
  // Stories are full of children.
  const child = isEveryday(level) && r.chance(0.15)
  const species = r.pick(child ? (['girl', 'boy'] as const) : valuesAt('species', level))
  const identity: Identity = {
    species,
    fur: r.pick(fursOf(species, level)),
    top: {
      type: r.pick(valuesAt('topType', level)),
      colour: r.pick(valuesAt('topColour', level)),
      pattern: r.pick(valuesAt('topPattern', level)),
    },
    bottom: { type: r.pick(valuesAt('bottomType', level)), colour: r.pick(valuesAt('bottomColour', level)) },
  }
  const hairStyles = hairStylesOf(species, level)
  if (hairStyles.length) {
    const colours = valuesAt('hairColour', level).slice(1) as HairColour[]
    identity.hair = { style: r.pick(hairStyles) as HairStyle, colour: r.pick(colours) }
  }
  const accessory = r.pick(valuesAt('accessory', level))
  const colour: Colour = r.pick(valuesAt('topColour', level))
  if (accessory !== 'none') identity.accessory = { type: accessory as AccessoryType, colour }
  return isEveryday(level) ? everydayIdentity(r, identity) : identity
}

/** As people describe characters: mostly in plain clothes, often without anything on the head, some in a dress. */
function everydayIdentity(r: Random, { accessory, ...identity }: Identity): Identity {
  const top = { ...identity.top, pattern: r.chance(0.45) ? 'plain' : identity.top.pattern }
  const plainer = { ...identity, top, ...(accessory && r.chance(0.6) && { accessory }) }
  return r.chance(identity.species === 'girl' ? 0.4 : 0.08) ? inDress(plainer) : plainer
}

/** Skirt and top of one colour, which captions may call a dress. */
const inDress = (identity: Identity): Identity => ({
  ...identity,
  bottom: { type: 'skirt', colour: identity.top.colour },
})

function randomFrame(r: Random, cast: readonly Identity[], level: Level): Frame {
  if (isWide(level)) return wideFrame(r, shuffled(r, cast), level)
  const scene = {
    place: r.pick(valuesAt('place', level)),
    time: r.pick(valuesAt('time', level)),
    layoutSeed: Math.floor(r.next() * 2 ** 31),
    ...(isEveryday(level) && { edition: 2 as const }),
  }
  const order = shuffled(r, cast)
  const actors = order.map((identity, slot) => randomActor(r, identity, level, slot, order.length))
  const together = isEveryday(level) && r.chance(0.2)
  return { scene, actors: together ? actors.map((actor) => ({ ...actor, action: actors[0]!.action })) : actors }
}

/** An actor in the `slot`-th of `count` equal columns, from the left. */
function randomActor(r: Random, identity: Identity, level: Level, slot: number, count: number): Actor {
  const jitter = level === 1 ? 0.03 : level === 2 ? 0.07 : 0.02
  return {
    identity,
    action: r.pick(valuesAt('action', level)),
    expression: r.pick(valuesAt('expression', level)),
    facing: r.pick(valuesAt('facing', level)),
    x: (slot + 0.5) / count + r.between(-jitter, jitter),
    y: r.between(0.93, 0.96),
    height: randomHeight(r, level, count),
  }
}

function randomHeight(r: Random, level: Level, count: number): number {
  if (level === 1) return r.between(0.8, 0.88)
  if (level === 2) return r.between(0.55, 0.88)
  if (level === 3)
    return count === 1 ? r.between(0.55, 0.7) : count === 2 ? r.between(0.5, 0.65) : r.between(0.45, 0.52)
  return count === 1 ? r.between(0.65, 0.85) : count === 2 ? r.between(0.58, 0.68) : r.between(0.48, 0.54)
}
