/** All values of a level at a glance: each species, action, prop, place, hour, weather and view once, in their order. */
import sharp from 'sharp'
import type { Level } from './levels.ts'
import { standingProps } from './props.ts'
import { renderFrame } from './render.ts'
import type { Actor, Frame, Identity, Prop, Scene, View, Weather } from './types.ts'
import { fursOf, hairStylesOf, valuesAt } from './vocabulary.ts'

const COLUMNS = 12
const TILE = 96
const GAP = 3

const fox: Identity = {
  species: 'fox',
  fur: 'orange',
  top: { type: 'shirt', colour: 'red', pattern: 'plain' },
  bottom: { type: 'pants', colour: 'blue' },
}
const standing = { identity: fox, action: 'standing', expression: 'happy', facing: 'right' } as const
const actor: Actor = { ...standing, x: 0.5, y: 0.95, height: 0.82 }
const scene: Scene = { place: 'park', time: 'day', layoutSeed: 1, edition: 2 }

const frameOf = (change: Partial<Actor>, where: Partial<Scene> = {}): Frame => ({
  actors: [{ ...actor, ...change }],
  scene: { ...scene, ...where },
})

/** As PNG of at most 256 colours. Each group begins a row. */
export async function drawCatalogue(level: Level): Promise<Uint8Array> {
  const groups = groupsOf(level)
  const step = TILE + GAP
  const tiles: { input: Buffer; left: number; top: number }[] = []
  let row = 0
  for (const frames of groups) {
    for (const [i, frame] of frames.entries()) {
      const { rgb } = renderFrame(frame, 2 * TILE)
      const image = sharp(rgb, { raw: { width: 2 * TILE, height: 2 * TILE, channels: 3 } }).resize(TILE, TILE)
      const [column, line] = [i % COLUMNS, row + Math.floor(i / COLUMNS)]
      tiles.push({ input: await image.png().toBuffer(), left: GAP + column * step, top: GAP + line * step })
    }
    row += Math.ceil(frames.length / COLUMNS)
  }
  const size = { width: GAP + COLUMNS * step, height: GAP + row * step }
  return sharp({ create: { ...size, channels: 3, background: '#ffffff' } })
    .composite(tiles)
    .png({ palette: true, dither: 0 })
    .toBuffer()
}

function groupsOf(level: Level): Frame[][] {
  const species = valuesAt('species', level).map((kind) => {
    const [style] = hairStylesOf(kind, level)
    const hair = style && style !== 'none' && { hair: { style, colour: 'brown' as const } }
    return frameOf({ identity: { ...fox, species: kind, fur: fursOf(kind, level)[0]!, ...hair } })
  })
  const actions = valuesAt('action', level)
    .filter((action) => action !== 'holding')
    .map((action) => frameOf({ action, height: 0.74 }))
  const props = valuesAt('prop', level)
    .filter((prop) => prop !== 'none')
    .map(withProp)
  const places = valuesAt('place', level).map((place) => frameOf({ height: 0.5 }, { place }))
  const hours = valuesAt('time', level).map((time) => frameOf({ height: 0.6 }, { time }))
  const weather = valuesAt('weather', level).flatMap((fall) => (fall === 'clear' ? [] : [fallen(fall)]))
  const views = valuesAt('view', level).flatMap((view) => (view === 'medium' ? [] : [seen(view)]))
  return [species, actions, props, places, [...hours, ...weather, ...views]]
}

const withProp = (prop: Prop): Frame =>
  prop in standingProps ? frameOf({ prop, height: 0.58, x: 0.64 }) : frameOf({ action: 'holding', prop })

const fallen = (weather: Exclude<Weather, 'clear'>): Frame => frameOf({ height: 0.6 }, { weather })

const seen = (view: Exclude<View, 'medium'>): Frame =>
  frameOf(view === 'wide' ? { height: 0.32, y: 0.9 } : { height: 1.3, y: 1.37 }, { view })
