/** Reference pictures of characters: cut out of rendered frames, and changed in all that is not identity. */
import type { RenderedFrame } from '../storydb/types.ts'
import { parts } from './captions.ts'
import type { Random } from './random.ts'

/** Pixels: left, top, right, bottom, the last two excluded. */
export type Box = readonly [number, number, number, number]

/** A square picture with a character in its middle. */
export interface Reference {
  /** Pixels along one side. */
  readonly size: number
  /** What the frame showed, size·size·3. */
  readonly rgb: Uint8Array
  /** How much of each pixel is the character, 0 … 255. */
  readonly alpha: Uint8Array
  /** Around the whole character. */
  readonly box: Box
  /** Around each part; null where nothing of it is seen. */
  readonly parts: readonly (Box | null)[]
}

/** The whole character, or the band of rows that one of its parts takes up. */
export type Region = 'whole' | number

/** What a reference can show of a character. */
export function seenRegions(reference: Reference | null): Region[] {
  return reference ? ['whole', ...reference.parts.flatMap((box, part) => (box ? [part] : []))] : []
}

/** Room left around a character, as a share of its longer side. */
const margin = 0.1
/** A mask counts from here on; fewer pixels than `least` show nothing. */
const visible = 64
const least = 40

/** Character `index` of a frame of `size` pixels a side, as a square of `side` pixels; null where hardly any is seen. */
export function cutOut(frame: RenderedFrame, index: number, size: number, side: number): Reference | null {
  const character = frame.characters[index]!
  const around = boxOf(character.mask, size)
  if (!around) return null
  const square = squareAround(around, 1 + 2 * margin)
  const scale = square.side / side
  const rgb = new Uint8Array(side * side * 3)
  const alpha = new Uint8Array(side * side)
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [fx, fy] = [square.left + (x + 0.5) * scale - 0.5, square.top + (y + 0.5) * scale - 0.5]
      for (let c = 0; c < 3; c++)
        rgb[(y * side + x) * 3 + c] = Math.round(bilinear(frame.rgb, size, 3, c, fx, fy, true))
      alpha[y * side + x] = Math.round(bilinear(character.mask, size, 1, 0, fx, fy, false))
    }
  const moved = ([left, top, right, bottom]: Box): Box => [
    (left - square.left) / scale,
    (top - square.top) / scale,
    (right - square.left) / scale,
    (bottom - square.top) / scale,
  ]
  const boxes = parts.map((part) => boxOf(character[part], size))
  return { size: side, rgb, alpha, box: moved(around), parts: boxes.map((box) => box && moved(box)) }
}

/** Planes in −1 … 1 of `region` as an image encoder of `side` pixels takes them: white behind, nothing changed. */
export function plainReference(reference: Reference, region: Region, side: number): Float32Array {
  return draw(reference, region, side, { flip: false, scale: 1, gains: [1, 1, 1], behind: () => [255, 255, 255] })
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
  const planes = draw(reference, region, side, {
    flip: random.uniform() < 0.5,
    scale: 0.8 + 0.4 * random.uniform(),
    gains: [gain(), gain(), gain()],
    behind: background(random, others),
  })
  if (random.uniform() < 0.2) cut(planes, side, random)
  return planes
}

type Colour = readonly [number, number, number]
/** Colour at a place of the drawn picture, 0 … 1 each; null leaves what the frame showed. */
type Behind = (x: number, y: number) => Colour | null

interface Look {
  flip: boolean
  scale: number
  gains: Colour
  behind: Behind
}

function draw(reference: Reference, region: Region, side: number, { flip, scale, gains, behind }: Look): Float32Array {
  const { size, rgb, alpha } = reference
  const band = regionBox(reference, region)
  const square = squareAround(band, (1 + 2 * margin) / scale)
  const planes = new Float32Array(3 * side * side)
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const across = (x + 0.5) / side
      const fx = square.left + (flip ? 1 - across : across) * square.side - 0.5
      const fy = square.top + ((y + 0.5) / side) * square.side - 0.5
      const inBand = region === 'whole' || (fy >= band[1] && fy < band[3])
      const own = inBand ? bilinear(alpha, size, 1, 0, fx, fy, false) / 255 : 0
      const other = behind(across, (y + 0.5) / side)
      for (let c = 0; c < 3; c++) {
        // Where the character is not, what the frame showed is not looked up.
        const shown = own > 0 || !other ? bilinear(rgb, size, 3, c, fx, fy, true) : 0
        const mixed = other ? own * shown + (1 - own) * other[c]! : shown
        planes[(c * side + y) * side + x] = Math.max(-1, Math.min(1, (mixed * gains[c]!) / 127.5 - 1))
      }
    }
  return planes
}

/** A band reaches a little beyond its part, and is as wide as the character, as the paper's figure cuts it. */
function regionBox({ box, parts: own }: Reference, region: Region): Box {
  const part = region === 'whole' ? box : own[region]
  if (!part) throw new RangeError(`a reference without ${region === 'whole' ? 'box' : parts[region]} was asked for it`)
  const room = region === 'whole' ? 0 : 0.05 * (box[3] - box[1])
  return [box[0], part[1] - room, box[2], part[3] + room]
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

/** The bounds of what a mask shows; null where that is next to nothing. */
function boxOf(mask: Uint8Array, size: number): Box | null {
  let [left, top, right, bottom, count] = [size, size, 0, 0, 0]
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size; x++) {
      if (mask[y * size + x]! < visible) continue
      count++
      left = Math.min(left, x)
      top = Math.min(top, y)
      right = Math.max(right, x + 1)
      bottom = Math.max(bottom, y + 1)
    }
  return count * 128 ** 2 < least * size ** 2 ? null : [left, top, right, bottom]
}

function squareAround([left, top, right, bottom]: Box, room: number) {
  const side = room * Math.max(right - left, bottom - top)
  return { left: (left + right - side) / 2, top: (top + bottom - side) / 2, side }
}

/**
 * One channel of interleaved bytes between pixels; outside are the edges' colours, or with `edges` false nothing. This is
 * most of the work on references, and therefore without a closure or an array.
 */
function bilinear(
  data: Uint8Array,
  size: number,
  channels: number,
  c: number,
  x: number,
  y: number,
  edges: boolean,
): number {
  const [last, left, top] = [size - 1, Math.floor(x), Math.floor(y)]
  if (!edges && (left < -1 || top < -1 || left > last || top > last)) return 0
  const [x0, x1] = [Math.min(last, Math.max(0, left)), Math.min(last, Math.max(0, left + 1))]
  const [y0, y1] = [Math.min(last, Math.max(0, top)), Math.min(last, Math.max(0, top + 1))]
  let [a, b] = [x - left, y - top]
  let [ia, ib] = [1 - a, 1 - b]
  if (!edges) {
    if (left < 0) ia = 0
    if (left >= last) a = 0
    if (top < 0) ib = 0
    if (top >= last) b = 0
  }
  const [upper, lower] = [y0 * size, y1 * size]
  return (
    ib * (ia * data[(upper + x0) * channels + c]! + a * data[(upper + x1) * channels + c]!) +
    b * (ia * data[(lower + x0) * channels + c]! + a * data[(lower + x1) * channels + c]!)
  )
}
