/** Frames of level 6: with weather, views from near and far, and things to hold and to stand by. */
import type { Level } from './levels.ts'
import { hasWeather } from './places.ts'
import { type HeldProp, heldProps, type StandingProp, standingProps } from './props.ts'
import type { Random } from './random.ts'
import type { Action, Actor, Frame, Identity, Scene } from './types.ts'
import { valuesAt } from './vocabulary.ts'

const held = Object.keys(heldProps) as HeldProp[]
const standing = Object.keys(standingProps) as StandingProp[]

/** What head, arms and chest alone show. */
const nearActions: readonly Action[] = [
  ...(['standing', 'waving', 'cheering', 'reading', 'balloon', 'pointing', 'eating', 'flower'] as const),
  ...(['hugging', 'singing', 'drinking', 'holding', 'holding'] as const),
]

/** Actions that take the ground on both sides. */
const broad: ReadonlySet<Action> = new Set<Action>(['sleeping', 'swimming', 'riding'])

/** `cast` in the order from the left. */
export function wideFrame(r: Random, cast: readonly Identity[], level: Level): Frame {
  const scene = randomScene(r, level, cast.length)
  const together = cast.length > 1 && r.chance(0.2)
  const actors: Actor[] = []
  for (const [slot, identity] of cast.entries()) {
    const actor = randomActor(r, identity, scene, { level, slot, count: cast.length })
    const first = actors[0]
    actors.push(together && first ? sameDeed(actor, first) : actor)
  }
  return { scene, actors }
}

function randomScene(r: Random, level: Level, count: number): Scene {
  const place = r.pick(valuesAt('place', level))
  const time = r.pick(valuesAt('time', level))
  const layoutSeed = Math.floor(r.next() * 2 ** 31)
  const [fall, look] = [r.next(), r.next()]
  const weather = !hasWeather(place) ? undefined : fall < 0.14 ? 'rain' : fall < 0.24 ? 'snow' : undefined
  const view = look < 0.13 ? 'wide' : look < 0.25 && count < 3 ? 'close-up' : undefined
  return { place, time, ...(weather && { weather }), ...(view && { view }), layoutSeed, edition: 2 }
}

interface Slot {
  level: Level
  /** The `slot`-th of `count` equal columns, from the left. */
  slot: number
  count: number
}

function randomActor(r: Random, identity: Identity, scene: Scene, { level, slot, count }: Slot): Actor {
  const action = randomAction(r, scene, level)
  const besides = scene.view !== 'close-up' && !broad.has(action) && r.chance([0, 0.4, 0.15, 0][count]!)
  // Of two characters, the one with a prop looks outwards, so that the prop stands between them.
  const facing = besides && count === 2 ? (slot === 0 ? 'left' : 'right') : r.pick(valuesAt('facing', level))
  const prop = propOf(r, action, scene, besides)
  const shift = besides && count === 1 ? (facing === 'left' ? -0.13 : 0.13) : 0
  return {
    identity,
    action,
    expression: r.pick(valuesAt('expression', level)),
    facing,
    ...(prop && { prop }),
    x: (slot + 0.5) / count + shift + r.between(-0.02, 0.02),
    ...stature(r, scene, count, besides),
  }
}

function randomAction(r: Random, { view, place }: Scene, level: Level): Action {
  if (view === 'close-up') return r.pick(nearActions)
  if (place === 'lake' && r.chance(0.2)) return r.pick(['swimming', 'fishing'])
  // There is much to hold.
  return r.chance(0.08) ? 'holding' : r.pick(valuesAt('action', level))
}

function propOf(r: Random, action: Action, { weather }: Scene, besides: boolean): Actor['prop'] {
  if (action === 'holding') return weather === 'rain' && r.chance(0.5) ? 'umbrella' : r.pick(held)
  if (action === 'hugging' && r.chance(0.5)) return 'teddy bear'
  return besides && action !== 'hugging' ? r.pick(standing) : undefined
}

function stature(r: Random, { view }: Scene, count: number, besides: boolean): Pick<Actor, 'y' | 'height'> {
  if (view === 'close-up') {
    const height = count === 1 ? r.between(1.2, 1.4) : r.between(0.92, 1.02)
    return { height, y: height + r.between(0.05, 0.1) }
  }
  if (view === 'wide') return { height: r.between(0.28, 0.37), y: r.between(0.87, 0.93) }
  const [least, most] = besides
    ? [0.5, 0.6]
    : ([[], [0.6, 0.84], [0.55, 0.66], [0.47, 0.53]][count] as [number, number])
  return { height: r.between(least, most), y: r.between(0.93, 0.96) }
}

/** Who does as the first does, holds what it holds. */
function sameDeed({ prop: _, ...actor }: Actor, { action, prop }: Actor): Actor {
  return { ...actor, action, ...(prop && prop in heldProps && { prop }) }
}
