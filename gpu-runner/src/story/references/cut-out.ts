/** Reference pictures of characters: squares with a mask, and the pictures that an image encoder gets of them. */

/** Pixels: left, top, right, bottom, the last two excluded. */
type Box = readonly [number, number, number, number]

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

/** Where a character is in a square picture of `size` pixels a side: masks 0 … 255 of it and of its parts. */
export interface Portrayed {
  readonly rgb: Uint8Array
  readonly size: number
  readonly mask: Uint8Array
  readonly parts: readonly Uint8Array[]
}

/** The character as a square of `side` pixels; null where hardly any of it is seen. */
export function cutOut({ rgb: from, size, mask, parts }: Portrayed, side: number): Reference | null {
  const around = boxOf(mask, size)
  if (!around) return null
  const square = squareAround(around, 1 + 2 * margin)
  const scale = square.side / side
  const rgb = new Uint8Array(side * side * 3)
  const alpha = new Uint8Array(side * side)
  for (let y = 0; y < side; y++)
    for (let x = 0; x < side; x++) {
      const [fx, fy] = [square.left + (x + 0.5) * scale - 0.5, square.top + (y + 0.5) * scale - 0.5]
      for (let c = 0; c < 3; c++) rgb[(y * side + x) * 3 + c] = Math.round(bilinear(from, size, 3, c, fx, fy, true))
      alpha[y * side + x] = Math.round(bilinear(mask, size, 1, 0, fx, fy, false))
    }
  const moved = ([left, top, right, bottom]: Box): Box => [
    (left - square.left) / scale,
    (top - square.top) / scale,
    (right - square.left) / scale,
    (bottom - square.top) / scale,
  ]
  const boxes = parts.map((part) => boxOf(part, size))
  return { size: side, rgb, alpha, box: moved(around), parts: boxes.map((box) => box && moved(box)) }
}

/** A square picture as it is, background and all. */
export function wholePicture({ rgb, width: size }: { rgb: Uint8Array; width: number }): Reference {
  return { size, rgb, alpha: new Uint8Array(size * size).fill(255), box: [0, 0, size, size], parts: [] }
}

/** Planes in −1 … 1 of `region` as an image encoder of `side` pixels takes them: white behind, nothing changed. */
export function plainReference(reference: Reference, region: Region, side: number): Float32Array {
  return drawReference(reference, region, side, {
    flip: false,
    scale: 1,
    gains: [1, 1, 1],
    behind: () => [255, 255, 255],
  })
}

export type Colour = readonly [number, number, number]
/** Colour at a place of the drawn picture, 0 … 1 each; null leaves what the frame showed. */
export type Behind = (x: number, y: number) => Colour | null

/** What may differ between what a reference shows and how it is drawn. */
export interface Look {
  flip: boolean
  scale: number
  gains: Colour
  behind: Behind
}

export function drawReference(
  reference: Reference,
  region: Region,
  side: number,
  { flip, scale, gains, behind }: Look,
): Float32Array {
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
        // Outside the character, the pixels of the frame are not needed.
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
  if (!part) throw new RangeError(`a reference that does not show part ${region} was asked for it`)
  const room = region === 'whole' ? 0 : 0.05 * (box[3] - box[1])
  return [box[0], part[1] - room, box[2], part[3] + room]
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

/** The square around a box, `room` times its longer side. */
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
