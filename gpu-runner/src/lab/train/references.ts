/** Reference pictures of characters: cut out of rendered frames, and changed in all that is not identity. */
import {
  type Behind,
  type Colour,
  cutOut,
  drawReference,
  type Reference,
  type Region,
} from '../../story/references/cut-out.ts'
import type { RenderedFrame } from '../storydb/types.ts'
import { parts } from './captions.ts'
import type { Random } from './random.ts'

/** Character `index` of a frame of `size` pixels a side, as a square of `side` pixels; null where hardly any is seen. */
export function cutOutOf({ rgb, characters }: RenderedFrame, index: number, size: number, side: number) {
  const character = characters[index]!
  return cutOut({ rgb, size, mask: character.mask, parts: parts.map((part) => character[part]) }, side)
}

/**
 * The same, changed as the Shuffling Reference Strategy has it: mirrored or not, larger or smaller, nearly always before
 * another background, colours moved by up to 3 %, and a piece cut out of some.
 */
export function shuffledReference(
  reference: Reference,
  region: Region,
  side: number,
  random: Random,
  others: readonly Reference[] = [],
): Float32Array {
  const gain = () => 1 + 0.03 * (2 * random.uniform() - 1)
  const planes = drawReference(reference, region, side, {
    flip: random.uniform() < 0.5,
    scale: 0.8 + 0.4 * random.uniform(),
    gains: [gain(), gain(), gain()],
    behind: background(random, others),
  })
  if (random.uniform() < 0.2) cut(planes, side, random)
  return planes
}

function background(random: Random, others: readonly Reference[]): Behind {
  const colour = (): Colour => [255 * random.uniform(), 255 * random.uniform(), 255 * random.uniform()]
  const kind = random.uniform()
  if (kind < 0.2) return () => null
  const [top, bottom, other] = [colour(), colour(), others[random.below(Math.max(1, others.length))]]
  if (kind < 0.4) return () => [255, 255, 255]
  if (kind < 0.7 || !other)
    return (_, y) => [0, 1, 2].map((c) => top[c]! + y * (bottom[c]! - top[c]!)) as unknown as Colour
  const { size, rgb } = other
  return (x, y) => {
    const at = 3 * (Math.floor(y * size) * size + Math.floor(x * size))
    return [rgb[at]!, rgb[at + 1]!, rgb[at + 2]!]
  }
}

/** Grey over a rectangle of a fifth to two fifths of the sides. */
function cut(planes: Float32Array, side: number, random: Random): void {
  const length = () => Math.round(side * (0.2 + 0.2 * random.uniform()))
  const [width, height] = [length(), length()]
  const [left, top] = [random.below(side - width), random.below(side - height)]
  for (let c = 0; c < 3; c++)
    for (let y = top; y < top + height; y++)
      planes.fill(0, (c * side + y) * side + left, (c * side + y) * side + left + width)
}
