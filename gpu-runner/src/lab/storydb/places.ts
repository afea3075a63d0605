/** The places: each a sky or wall, a floor and two to four landmarks at the sides of where characters stand. */
import type { SKRSContext2D } from '@napi-rs/canvas'
import { grounds } from './grounds.ts'
import { nature } from './nature.ts'
import { random } from './random.ts'
import { rooms } from './rooms.ts'
import type { Stage } from './scenery.ts'
import type { Place, Scene } from './types.ts'
import { fall } from './weather.ts'

export type Layout = Pick<Stage, 'near' | 'far'> & { mirrored: boolean }

export function layoutOf({ layoutSeed }: Pick<Scene, 'layoutSeed'>): Layout {
  const r = random(layoutSeed)
  return { mirrored: r.chance(0.5), near: r.between(-1, 1), far: r.between(-1, 1) }
}

const places: Record<Place, (stage: Stage) => void> = { ...nature, ...grounds, ...rooms }

/** Places where rain and snow fall. */
const open = new Set<Place>([
  ...(['forest', 'beach', 'city', 'snow', 'desert', 'castle', 'farm', 'park', 'circus'] as const),
  ...(['garden', 'meadow', 'mountain', 'lake', 'ship'] as const),
])

export const hasWeather = (place: Place): boolean => open.has(place)

/** Paint a scene over the unit square. */
export function drawPlace(g: SKRSContext2D, scene: Scene): void {
  const { mirrored, near, far } = layoutOf(scene)
  g.save()
  if (scene.view === 'close-up') {
    g.translate(0.5, 0.62)
    g.scale(1.45, 1.45)
    g.translate(-0.5, -0.62)
  }
  if (mirrored) {
    g.translate(1, 0)
    g.scale(-1, 1)
  }
  const stage = { g, time: scene.time, near, far }
  places[scene.place](stage)
  if (scene.weather) fall(stage, scene.weather, scene.layoutSeed)
  g.restore()
}
